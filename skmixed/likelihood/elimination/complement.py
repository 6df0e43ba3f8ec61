"""A symmetric matrix of stacked random effects whose lower triangle is worked on."""

import numpy as np


class Complement:
    """Lower triangle of a symmetric matrix of some factors' random effects.

    Parameters
    ----------
    stack : Stack
    matrix : ndarray of shape (m2, m2)
        Columns one after the other; what lies above the diagonal means nothing.
    """

    def __init__(self, stack, matrix):
        self.stack, self.matrix = stack, matrix
        self.flat = matrix.reshape(-1, order="F")
        self.diagonal = self.flat[:: stack.size + 1]

    def columns(self, span):
        """Whole columns of the symmetric matrix."""
        columns = self.matrix[:, span].copy(order="F")
        columns[: span.start] = self.matrix[span, : span.start].T
        square = np.tril(columns[span])
        columns[span] = square + np.tril(square, -1).T
        return columns

    def entries(self, rows, columns):
        """Entries of the symmetric matrix."""
        return self.matrix[np.maximum(rows, columns), np.minimum(rows, columns)]

    def blocks(self, j):
        """Diagonal blocks of a factor, of shape (k, k, G)."""
        G, k = self.stack.shapes[j]
        starts = self.stack.spans[j].start + k * np.arange(G)
        return np.array(
            [[self.entries(starts + a, starts + b) for b in range(k)] for a in range(k)]
        )

    def scale(self, factors):
        """Multiply from both sides in place: L'S L, block by block.

        Parameters
        ----------
        factors : dict of int to ndarray of shape (k_j, k_j)
        """
        columns, shapes, spans = self.matrix.T, self.stack.shapes, self.stack.spans
        size = self.stack.size
        if all(k == 1 for _, k in shapes.values()):
            scale = np.concatenate(
                [np.full(G, factors[j][0, 0]) for j, (G, _) in shapes.items()]
            )
            columns *= scale
            columns *= scale[:, None]
            return
        for j, (G, k) in shapes.items():
            self.mirror_blocks(j)
            rows = columns[spans[j]].reshape(G, k, size)
            columns[spans[j]] = np.matmul(factors[j].T, rows).reshape(G * k, size)
        for j, (G, k) in shapes.items():
            block = columns[:, spans[j]].reshape(size, G, k)
            columns[:, spans[j]] = (block @ factors[j]).reshape(size, G * k)

    def mirror_blocks(self, j):
        """Copy the lower triangles of a factor's diagonal blocks to the upper ones."""
        G, k = self.stack.shapes[j]
        starts = self.stack.spans[j].start + k * np.arange(G)
        for a in range(k):
            for b in range(a):
                self.matrix[starts + b, starts + a] = self.matrix[
                    starts + a, starts + b
                ]
