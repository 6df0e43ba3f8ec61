"""Random signs by which traces of matrices are estimated, the same for ever."""

import zlib
from dataclasses import dataclass

import numpy as np

# Probes that are drawn together: more of them leave those before as they are.
BLOCK = 16
# Probes that a first estimate takes.
FIRST = 32


@dataclass(frozen=True)
class Probes:
    """Which random signs estimate the traces of a fit.

    Parameters
    ----------
    seed : int, default=0
    count : int, default=32
        A multiple of 16.

    Notes
    -----
    Those of a grouping factor depend on the seed, on its name and on the places of its
    levels alone, so that models with a factor in common share its probes, and the
    differences of their deviances have little of the probes' error (common random
    numbers).
    """

    seed: int = 0
    count: int = FIRST

    def doubled(self):
        """The same probes, and as many more."""
        return Probes(self.seed, 2 * self.count)

    def signs(self, group, n_levels, n_effects):
        """Signs for the effects of a factor, levels major.

        Parameters
        ----------
        group : str
        n_levels, n_effects : int

        Returns
        -------
        ndarray of shape (n_levels * n_effects, count)
            Of -1 and 1, in single precision.
        """
        name, blocks = zlib.crc32(group.encode()), []
        for block in range(self.count // BLOCK):
            rng = np.random.default_rng([self.seed, name, block])
            blocks.append(rng.integers(0, 2, (n_levels * n_effects, BLOCK), np.int8))
        return (2 * np.hstack(blocks) - 1).astype(np.float32)
