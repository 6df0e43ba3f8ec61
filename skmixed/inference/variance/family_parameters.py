"""The parameters of generalised models: those of linear ones, and the family's own."""

import itertools

import numpy as np

from skmixed.inference.variance.parameters import Parameter, list_parameters

# Parameters that are the family's own, by their kind.
OWN = "own"


def list_family_parameters(result, coef_names, grades=()):
    """List the parameters of a generalised model, those of its family last.

    Parameters
    ----------
    result : GeneralizedResult
    coef_names : sequence of str
    grades : sequence, default=()
        Labels of ordinal responses, in order.

    Returns
    -------
    list of Parameter
    """
    found = list_parameters(result, coef_names)
    if result.family.dispersion(result.psi) is not None:
        return [*found, Parameter("dispersion", OWN)]
    cuts = itertools.pairwise(grades)
    names = [f"{a}|{b}" for a, b in cuts][: len(result.psi)]
    return found + [Parameter(name, OWN, -1, (i,)) for i, name in enumerate(names)]


def family_values(fit, family, parameters):
    """Estimates of some parameters.

    Parameters
    ----------
    fit : GeneralizedResult or FamilyRefit
    family : Family
    parameters : list of Parameter

    Returns
    -------
    ndarray of shape (len(parameters),)
    """
    covariances, dispersion = fit.covariances, family.dispersion(fit.psi)
    found = []
    for parameter in parameters:
        if parameter.kind != OWN:
            found.append(parameter.value(fit.coef, covariances, 1.0))
        elif dispersion is not None:
            found.append(float(dispersion))
        else:
            found.append(float(fit.psi[parameter.effects[0]]))
    return np.array(found)
