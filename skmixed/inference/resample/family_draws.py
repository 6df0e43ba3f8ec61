"""New responses of a generalised model, drawn row by row."""

import numpy as np

from skmixed.errors import WeightError

# Weights that stand for whole numbers are within this of one.
WHOLE = 1e-6


class FamilyLaw:
    """The law of the responses, given the rows of the design.

    Parameters
    ----------
    result : GeneralizedResult
    design : Design
        The rows of the fit, with their weights.

    Raises
    ------
    ValueError
        For weights that are no trials: a row then stands for several responses, of
        which none is known.
    """

    def __init__(self, result, design):
        self.result, self.design = result, design
        refuse_weights(result.family, design.weights)
        self.w = 1.0 if design.weights is None else design.weights
        self.fixed = design.X[:, result.kept] @ result.coef
        if design.offset is not None:
            self.fixed = self.fixed + design.offset

    def draw(self, rng):
        """Draw one response of every row, the random effects with it.

        Parameters
        ----------
        rng : Generator

        Returns
        -------
        ndarray of shape (n,)
        """
        result, design, eta = self.result, self.design, self.fixed.copy()
        effects = [
            rng.standard_normal((G, len(root))) @ root.T
            for root, G in zip(result.relative_factors, result.n_levels, strict=True)
        ]
        for block, (j, positions, _) in zip(design.random, result.terms, strict=True):
            own = effects[j][block.codes][:, list(positions)]
            eta += np.einsum("nk,nk->n", block.z, own)
        family = result.family
        law = family.distribution(eta, result.psi, self.w)
        drawn = law.rvs(size=len(eta), random_state=rng)
        return np.asarray(drawn, dtype=float) / family.unit(self.w)


def refuse_weights(family, w):
    """Raise for weights other than numbers of trials.

    Raises
    ------
    ValueError
    """
    if w is None or np.all(w == 1.0):
        return
    trials = family.name == "binomial"
    if trials and np.all(np.abs(w - np.round(w)) <= WHOLE):
        return
    raise WeightError(
        "Responses are drawn one for each row, and a row of weight 2 stands for two: "
        "repeat such rows in place of sample_weight, and fit the model to them."
    )
