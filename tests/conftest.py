"""Tolerances and fixtures that the whole suite shares."""

# The same algebra done in another order: rounding only.
SAME_ALGEBRA = 1e-10
# Two optima of one criterion (absolute, in units of the log-likelihood).
SAME_DEVIANCE = 1e-6
# The criterion is flat at its optimum: theta is known to about its square root.
SAME_THETA = 1e-4
