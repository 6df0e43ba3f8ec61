"""When two fits are the same: shared by the laws."""

from dataclasses import replace

import numpy as np
from conftest import SAME_ALGEBRA, SAME_DEVIANCE, SAME_THETA
from oracle import factors

from skmixed.likelihood import cross_products, fit_linear


def fit(design, *, reml=True):
    return fit_linear(cross_products(design), reml=reml)


def sizes(result, design):
    """Natural size of every random effect: its sd and what moves y by sigma."""
    return [
        np.hypot(np.sqrt(np.diag(cov)), result.sigma / rms(factor.z))
        for cov, factor in zip(result.covariances, factors(design), strict=True)
    ]


def rms(columns):
    return np.sqrt((columns**2).mean(axis=0))


def assert_same(ours, expected, scale=1.0, tolerance=SAME_THETA):
    np.testing.assert_allclose(ours / scale, expected / scale, rtol=0, atol=tolerance)


def assert_same_fit(result, expected, design, *, deviance=0.0, unit=1.0):
    """Same optimum, up to known changes of the deviance and of the response's unit."""
    gap = result.deviance - expected.deviance - deviance
    assert abs(gap) < 2 * SAME_DEVIANCE + SAME_ALGEBRA * abs(result.deviance)
    assert_same(result.sigma / unit, expected.sigma, expected.sigma)
    for cov, theirs, sd in zip(
        result.covariances, expected.covariances, sizes(expected, design), strict=True
    ):
        assert_same(cov / unit**2, theirs, np.outer(sd, sd))


def assert_same_coef(result, expected):
    se = np.sqrt(np.diag(expected.coef_cov))
    assert_same(result.coef, expected.coef, se)
    assert_same(result.coef_cov, expected.coef_cov, np.outer(se, se))


def assert_same_modes(modes, expected, scale):
    for ours, theirs, sd in zip(modes, expected, scale, strict=True):
        assert_same(ours, theirs, sd)


def take_rows(design, rows):
    """The same model on some of the rows; codes keep their meaning."""
    return replace(
        design,
        X=np.asfortranarray(design.X[rows]),
        y=design.y[rows],
        offset=None if design.offset is None else design.offset[rows],
        weights=None if design.weights is None else design.weights[rows],
        random=tuple(
            replace(block, z=np.asfortranarray(block.z[rows]), codes=block.codes[rows])
            for block in design.random
        ),
    )
