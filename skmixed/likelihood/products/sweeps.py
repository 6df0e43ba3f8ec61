"""Rows of a generalised model, laid out once and swept many times.

A sweep turns (beta, b, psi) into sums over rows: those of the working linear model's
cross-products, which an elimination needs, and those of the gradient. The layout of the
rows is a :class:`RowPlan`, as of linear models.
"""

from dataclasses import replace
from itertools import product

import numpy as np

from skmixed.likelihood.linalg.group_sums import GroupSums, interleave
from skmixed.likelihood.products.columns import FramedRows, chunks
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.plan import RowPlan, find_within, summed_over_rows
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.row_state import RowState
from skmixed.likelihood.products.rows import sorted_by_level


class RowSweeps:
    """Rows in a basis, and the sums to be taken of them.

    Parameters
    ----------
    design : Design
        With ``y``, ``weights`` that multiply the log-likelihood, ``offset``.
    family : Family

    Attributes
    ----------
    basis : Basis
        Whose response is y itself.
    columns : ndarray of shape (w, n)
        Those of X in the basis first, then y, then further ones of z.
    """

    def __init__(self, design, family):
        self.family = family
        plan = RowPlan.of(design)
        residual = residual_of(design)
        basis = plan.freeze(residual, np.asarray(design.y, dtype=float)).unmixed()
        self.p = len(basis.crude_coef)
        self.basis = replace(basis, crude_coef=np.zeros(self.p), y_shift=0.0)
        framed = FramedRows.of(plan.distinct, self.basis)
        self.n, self.places = len(design.y), framed.places
        self.chunks = list(chunks(self.n))
        self.order = None
        order = sorted_by_level(plan.rows, self.n)
        self.order = None if order is None else self.laid_out(order)
        self.lay_out(design, plan, framed)
        self.within = find_within(plan.rows, framed.places, plan.parents)
        self.constant = family.constant(self.y, self.weights())
        self.ones = np.ones(min(self.n, self.chunks[0].stop))

    def lay_out(self, design, plan, framed):
        """Bring columns, codes, weights and offsets into the order of the sweeps."""
        buffer = np.empty((len(framed.columns) + 1, self.n))
        y = np.asarray(design.y, dtype=float)
        framed.fill(y, slice(0, self.n), buffer)
        self.is_one = [bool(np.all(column == 1.0)) for column in buffer]
        self.columns = buffer if self.order is None else np.empty_like(buffer)
        for one, own, column in zip(self.is_one, self.columns, buffer, strict=True):
            own[:] = 1.0 if one else self.laid_out(column)
        self.y = self.columns[self.p]
        w, offset = design.weights, design.offset
        self.w = None if w is None else self.laid_out(np.asarray(w, dtype=float))
        self.offset = None if offset is None else self.laid_out(offset)
        codes = tuple(
            self.laid_out(own.astype(np.int32, copy=False)) for own in plan.rows.codes
        )
        meetings = {
            pair: met
            if met.codes is None
            else replace(met, codes=self.laid_out(met.codes))
            for pair, met in plan.meetings.items()
        }
        rows = replace(plan.rows, codes=codes)
        self.plan = replace(plan, rows=rows, meetings=meetings)

    def replace_responses(self, y=None, weights=None):
        """Put other responses, or weights, in the place of those of the design.

        Parameters
        ----------
        y, weights : ndarray of shape (n,), optional
            In the order of the design.
        """
        if y is not None:
            self.y[:] = self.laid_out(np.asarray(y, dtype=float))
        if weights is not None:
            self.w = self.laid_out(np.asarray(weights, dtype=float))
        self.constant = self.family.constant(self.y, self.weights())

    def laid_out(self, rows):
        """Reorder rows: by group, but within a chunk neighbours are seldom of one."""
        if self.order is not None:
            return rows.take(self.order, axis=-1)
        out = np.empty_like(rows)
        for chunk in self.chunks:
            out[..., chunk] = interleave(rows[..., chunk])
        return out

    @property
    def factors(self):
        """Grouping factors."""
        return self.plan.rows.factors

    @property
    def X(self):
        """Columns of the fixed effects, of shape (p, n)."""
        return self.columns[: self.p]

    @property
    def own(self):
        """Factors that are summed over rows, not over a finer factor's levels."""
        return [j for j in range(len(self.factors)) if j not in self.within]

    def weights(self, chunk=slice(None)):
        """Prior weights of some rows."""
        return 1.0 if self.w is None else self.w[chunk]

    def codes(self, j, chunk):
        """Levels of some rows."""
        return self.plan.rows.codes[j][chunk]

    def z(self, j, chunk):
        """Columns of a factor's effects; None where constant 1."""
        return [
            None if self.is_one[a] else self.columns[a, chunk] for a in self.places[j]
        ]

    def further(self, m):
        """Places of the factors' effects behind m columns of other kinds."""
        return [[m + a for a in own] for own in self.places]

    def sides(self, chunk, others, W=None):
        """Left and right factors of the products that are summed by group.

        Parameters
        ----------
        chunk : slice
        others : list of ndarray of shape (n_chunk,)
            Multiplied by z, unweighted.
        W : ndarray of shape (n_chunk,), optional
            Weight of the products of z with z.

        Returns
        -------
        left, right : list
            ``others`` first, then the columns, those of z alone.
        """
        ones = self.ones[: chunk.stop - chunk.start]
        used = {a for own in self.places for a in own}
        left: list = list(others)
        right: list = [None] * len(others)
        for a in range(len(self.columns)):
            column = None
            if a in used:
                column = ones if self.is_one[a] else self.columns[a, chunk]
            weighted = None
            if W is not None and column is not None:
                weighted = W if self.is_one[a] else W * column
            left.append(weighted)
            right.append(column)
        return left, right

    # ------------------------------------------------------------------ one sweep
    def evaluate(self, beta, b, psi, expected=False, spent=None):
        """Log-likelihood at (beta, b, psi), and the sums that a step needs.

        Parameters
        ----------
        beta : ndarray of shape (p,)
        b : list of ndarray of shape (k_j, G_j)
        psi : ndarray of shape (r,)
        expected : bool, default=False
            Weigh by Fisher's information, which is positive, in place of -d2l/deta2.
        spent : RowState, optional
            One that is not asked again: its rows' arrays are written over.

        Returns
        -------
        RowState
        """
        n, family = self.n, self.family
        rows = spent or RowState(0.0, np.empty(n), np.empty(n), np.empty(n))
        state = RowState(self.constant, rows.eta, rows.score, rows.W)
        b = [np.ascontiguousarray(block) for block in b]
        places = self.further(1)
        by_level, by_pair = self.plan.plan_sums(places, 1)
        sums = summed_over_rows(by_level, by_pair, self.within)
        for chunk in self.chunks:
            eta = self.linear_predictor(beta, b, chunk, state.eta[chunk])
            y, w = self.y[chunk], self.weights(chunk)
            loglik, score, W = family.summed_step(y, w, eta, psi)
            if expected:
                W = family.expected_weights(y, w, eta, psi)
            state.score[chunk], state.W[chunk] = score, W
            state.loglik += loglik
            left, right = self.sides(chunk, [score], state.W[chunk])
            for one in sums:
                one.add(one.codes[chunk], left, right)
        self.plan.raise_sums(by_level, self.within)
        state.A = self.gathered(by_level, by_pair, places)
        return state

    def linear_predictor(self, beta, b, chunk, out):
        """Eta of some rows.

        Parameters
        ----------
        beta : ndarray of shape (p,)
        b : list of ndarray of shape (k_j, G_j)
        chunk : slice
        out : ndarray of shape (n_chunk,)

        Returns
        -------
        ndarray of shape (n_chunk,)
            ``out``.
        """
        np.dot(beta, self.columns[: self.p, chunk], out=out)
        if self.offset is not None:
            out += self.offset[chunk]
        for j, effects in enumerate(b):
            add_row_values(effects, self.codes(j, chunk), self.z(j, chunk), out)
        return out

    def row_values(self, values, chunk):
        """Values z'v of some rows, for v (k, G) of the first factor's levels."""
        codes, total = self.codes(0, chunk), None
        for column, v in zip(self.z(0, chunk), values, strict=True):
            taken = v.take(codes)
            if column is not None:
                taken *= column
            total = taken if total is None else np.add(total, taken, out=total)
        return total

    def gathered(self, by_level, by_pair, places):
        """Cross-products of the sums, with Z's in place of [X y]."""
        one = [[0]] * len(places)
        return CrossProducts(
            basis=self.basis,
            factors=self.factors,
            gram=np.zeros((1, 1)),
            ZtZ=tuple(map(GroupSums.block, by_level, places, places)),
            ZtXy=tuple(map(GroupSums.block, by_level, places, one)),
            pairs=self.plan.pair_blocks(by_pair, places),
            n_obs=self.n,
            sum_log_weights=0.0,
            terms=self.plan.rows.terms,
        )

    # ------------------------------------------------------------------ derivatives
    def complete(self, state, psi, own=None, cross=()):
        """Add what the gradient needs: sums with X and psi, leverages h, t = h W1.

        Parameters
        ----------
        state : RowState
            Changed in place.
        psi : ndarray of shape (r,)
        own : list of ndarray of shape (k_j, k_j, G_j), optional
            Covariances of every level's effects given the data; none at a start, where
            random effects are zero and leverages are not needed.
        cross : list of ndarray of shape (k_i, k_j, n_pairs)
            Those between the levels that meet.
        """
        p, r, n, family = self.p, self.family.n_psi, self.n, self.family
        state.W1, state.W2, state.h = np.empty(n), np.empty(n), np.zeros(n)
        state.W_psi = np.empty((r, n))
        state.XtX, state.Xts, state.Xtt = np.zeros((p, p)), np.zeros(p), np.zeros(p)
        state.Xt_psi, state.l_psi, state.hW_psi = (
            np.zeros((r, p)),
            np.zeros(r),
            np.zeros(r),
        )
        state.l_psi2 = np.zeros((r, r))
        m = p + r + 1
        places = self.further(m)
        sums = [
            GroupSums(codes, factor.n_levels, product(range(m), own_places))
            for codes, factor, own_places in zip(
                self.plan.rows.codes, self.factors, places, strict=True
            )
        ]
        for chunk in self.chunks:
            rows = self.y[chunk], self.weights(chunk), state.eta[chunk]
            t = family.slopes(*rows, psi, state.score[chunk], state.W[chunk])
            state.W1[chunk], state.W2[chunk] = t.W1, t.W2
            h = state.h[chunk]
            if own is not None:
                self.add_leverages(own, cross, chunk, h)
            third = h * t.W1
            WX = self.add_fixed(state, t, third, chunk)
            left, right = self.sides(chunk, [*WX, *t.score_psi, third])
            for j in self.own:
                sums[j].add(self.codes(j, chunk), left, right)
        self.plan.raise_sums(sums, self.within)
        spans = (range(p), range(p, p + r), [p + r])
        state.ZtX, state.Zt_psi, state.Ztt = (
            [
                one.block(own_places, span)
                for one, own_places in zip(sums, places, strict=True)
            ]
            for span in spans
        )
        state.complete = True

    def add_fixed(self, state, t, third, chunk):
        """Sums over rows of X and of psi; returns W X of the chunk."""
        X, h = self.columns[: self.p, chunk], state.h[chunk]
        WX = X * t.W
        state.XtX += WX @ X.T
        state.Xts += X @ t.score
        state.Xtt += X @ third
        for a in range(self.family.n_psi):
            state.W_psi[a, chunk] = t.W_psi[a]
            state.l_psi[a] += t.loglik_psi[a].sum()
            state.hW_psi[a] += h @ t.W_psi[a]
            state.Xt_psi[a] += X @ t.score_psi[a]
            for b in range(self.family.n_psi):
                state.l_psi2[a, b] += np.sum(t.loglik_psi2[a][b])
        return WX

    def fixed_gram(self, W):
        """X'WX, of shape (p, p)."""
        parts = ((self.X[:, chunk], W[chunk]) for chunk in self.chunks)
        return sum((X * w @ X.T for X, w in parts), np.zeros((self.p, self.p)))

    def effect_sums(self, values):
        """Z'c of every factor, for a column c of shape (n,): of shape (k_j, G_j)."""
        places = self.further(1)
        sums = [
            GroupSums(codes, factor.n_levels, product([0], own))
            for codes, factor, own in zip(
                self.plan.rows.codes, self.factors, places, strict=True
            )
        ]
        for chunk in self.chunks:
            left, right = self.sides(chunk, [values[chunk]])
            for j in self.own:
                sums[j].add(self.codes(j, chunk), left, right)
        self.plan.raise_sums(sums, self.within)
        pairs = zip(sums, places, strict=True)
        return [one.block(own, [0])[:, 0] for one, own in pairs]

    def add_leverages(self, own, cross, chunk, out):
        """Add ``h = z'Cz`` of some rows to what is there."""
        for j, C in enumerate(own):
            z, codes = self.z(j, chunk), self.codes(j, chunk)
            for a in range(len(z)):
                add_product(C[a, a].take(codes), z[a], z[a], out)
                for b in range(a + 1, len(z)):
                    add_product(2.0 * C[a, b].take(codes), z[a], z[b], out)
        for (pair, met), C in zip(self.plan.meetings.items(), cross, strict=False):
            codes = (
                met.codes if met.codes is not None else self.plan.rows.codes[pair[0]]
            )
            one, other = (self.z(j, chunk) for j in pair)
            for a, b in product(range(len(one)), range(len(other))):
                add_product(2.0 * C[a, b].take(codes[chunk]), one[a], other[b], out)


def add_row_values(values, codes, z, out):
    """Add z'v to every row, for v of shape (k, G)."""
    for column, v in zip(z, values, strict=True):
        add_product(v.take(codes), column, None, out)


def add_product(values, one, other, out):
    """Add values times two columns, None for a constant 1; spoils the values."""
    for column in (one, other):
        if column is not None:
            values *= column
    out += values
