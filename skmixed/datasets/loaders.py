"""One function per data set that the package carries."""

from inspect import cleandoc

from skmixed.datasets.tables import load_table

_PARAMETERS = """
    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        Return pandas objects; factors are categorical columns whose first category is
        the reference level. Otherwise `data` and `target` are arrays.

    Returns
    -------
    data : Bunch
        Dictionary-like object with the attributes

        frame : DataFrame
            The whole table, as a formula needs it; None where ``as_frame=False``.
        data : DataFrame or ndarray
            All columns but the response.
        target : Series or ndarray of shape (n_rows,)
            The response.
        feature_names, target_names : list of str
            Names of the columns of `data`, and of the response.
        DESCR : str
            What the columns are, where the data come from, and the usual model.
        filename, data_module : str
            The file, and the package that holds it.
    (data, target) : tuple
        If ``return_X_y=True``.
"""


def _documented(load):
    """Write the parameters, which all loaders share, into the docstring."""
    # None under python -OO
    if load.__doc__ is not None:
        # from Python 3.13 on the compiler takes the indentation away
        text, parameters = cleandoc(load.__doc__), cleandoc(_PARAMETERS)
        load.__doc__ = text.replace("{parameters}", parameters)
    return load


@_documented
def load_london_schools(*, return_X_y=False, as_frame=True):
    """Load exam scores of 4059 pupils in 65 schools in inner London.

    The example of introductions to multilevel models: a random intercept and slope.
    School and pupil numbers are integers, so that ``frame[frame.school == 28]`` works.

    {parameters}

    See Also
    --------
    load_scots_schools : Schools crossed with primary schools.
    skmixed.compare_approaches : What these data are for.

    Examples
    --------
    >>> from skmixed.datasets import load_london_schools
    >>> schools = load_london_schools()
    >>> schools.frame[["school", "exam", "lrt", "gender"]].head(3)
       school      exam       lrt gender
    0       1  0.261324  0.619059      F
    1       1  0.134067  0.205802      F
    2       1 -1.723882 -1.364576      M
    """
    return load_table("london_schools", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_sleepstudy(*, return_X_y=False, as_frame=True):
    """Load reaction times of 18 sleep-deprived people, one a day over ten days.

    {parameters}

    See Also
    --------
    load_oxboys : Growth curves of boys.

    Examples
    --------
    >>> from skmixed.datasets import load_sleepstudy
    >>> load_sleepstudy().frame.head(3)
       Reaction  Days Subject
    0  249.5600     0     308
    1  258.7047     1     308
    2  250.8006     2     308
    """
    return load_table("sleepstudy", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_penicillin(*, return_X_y=False, as_frame=True):
    """Load a test of 6 penicillin samples on 24 plates: two crossed factors.

    {parameters}

    See Also
    --------
    load_pastes : Nested factors instead.

    Examples
    --------
    >>> from skmixed.datasets import load_penicillin
    >>> X, y = load_penicillin(return_X_y=True)
    >>> X.nunique().to_dict()
    {'plate': 24, 'sample': 6}
    """
    return load_table("penicillin", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_pastes(*, return_X_y=False, as_frame=True):
    """Load the strength of a chemical paste: 3 casks nested in each of 10 batches.

    {parameters}

    See Also
    --------
    load_penicillin : Crossed factors instead.

    Examples
    --------
    >>> from skmixed.datasets import load_pastes
    >>> X, y = load_pastes(return_X_y=True)
    >>> X.nunique().to_dict()
    {'batch': 10, 'cask': 3, 'sample': 30}
    """
    return load_table("pastes", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_dyestuff(*, return_X_y=False, as_frame=True):
    """Load the yield of dyestuff from 6 batches: the smallest variance components.

    {parameters}

    See Also
    --------
    load_pastes : Two levels of batches.

    Examples
    --------
    >>> from skmixed.datasets import load_dyestuff
    >>> dyestuff = load_dyestuff()
    >>> float(dyestuff.target.mean())
    1527.5
    """
    return load_table("dyestuff", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_cake(*, return_X_y=False, as_frame=True):
    """Load the breaking angle of chocolate cakes: a split-plot experiment.

    {parameters}

    See Also
    --------
    skmixed.joint_tests : Tests within recipes.

    Examples
    --------
    >>> from skmixed.datasets import load_cake
    >>> cake = load_cake()
    >>> cake.frame["temperature"].cat.ordered
    True
    """
    return load_table("cake", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_machines(*, return_X_y=False, as_frame=True):
    """Load productivity scores of 6 workers on 3 machines: a categorical slope.

    {parameters}

    See Also
    --------
    skmixed.emmeans : Means of the machines.

    Examples
    --------
    >>> from skmixed.datasets import load_machines
    >>> machines = load_machines()
    >>> machines.frame.groupby("Machine", observed=True)["score"].mean().round(2)
    Machine
    A    52.36
    B    60.32
    C    66.27
    Name: score, dtype: float64
    """
    return load_table("machines", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_oxboys(*, return_X_y=False, as_frame=True):
    """Load heights of 26 boys in Oxford on nine occasions: growth curves.

    {parameters}

    See Also
    --------
    load_sleepstudy : Other lines over time.
    skmixed.describe_occasions : Spread over time.

    Examples
    --------
    >>> from skmixed.datasets import load_oxboys
    >>> X, y = load_oxboys(return_X_y=True)
    >>> X.shape, y.name
    ((234, 2), 'height')
    """
    return load_table("oxboys", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_scots_schools(*, return_X_y=False, as_frame=True):
    """Load attainment of 3435 pupils, crossed by 148 primary and 19 secondary schools.

    {parameters}

    See Also
    --------
    load_london_schools : Pupils in schools alone.

    Examples
    --------
    >>> from skmixed.datasets import load_scots_schools
    >>> scots = load_scots_schools()
    >>> scots.frame[["primary", "second"]].nunique().to_dict()
    {'primary': 148, 'second': 19}
    """
    return load_table("scots_schools", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_chem97(*, return_X_y=False, as_frame=True):
    """Load A-level chemistry scores of 31022 pupils in 2410 schools in 131 districts.

    {parameters}

    See Also
    --------
    load_london_schools : A smaller table of pupils.

    Examples
    --------
    >>> from skmixed.datasets import load_chem97
    >>> chem97 = load_chem97()
    >>> chem97.frame[["lea", "school"]].nunique().to_dict()
    {'lea': 131, 'school': 2410}
    """
    return load_table("chem97", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_insteval(*, return_X_y=False, as_frame=True):
    """Load 73421 lecture ratings, crossed by 2972 students and 1128 lecturers.

    {parameters}

    See Also
    --------
    load_penicillin : Crossed factors, small.

    Examples
    --------
    >>> from skmixed.datasets import load_insteval
    >>> ratings = load_insteval()
    >>> ratings.frame[["s", "d"]].nunique().to_dict()
    {'s': 2972, 'd': 1128}
    """
    return load_table("insteval", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_cbpp(*, return_X_y=False, as_frame=True):
    """Load cases of lung disease in 15 herds of cattle: k of n.

    {parameters}

    See Also
    --------
    skmixed.MixedBinomialRegressor : Models of such counts.

    Examples
    --------
    >>> from skmixed.datasets import load_cbpp
    >>> load_cbpp().frame.head(3)
      herd  incidence  size period
    0    1          2    14      1
    1    1          3    12      2
    2    1          4     9      3
    """
    return load_table("cbpp", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_contraception(*, return_X_y=False, as_frame=True):
    """Load the use of contraception by 1934 women in 60 districts: yes or no.

    {parameters}

    See Also
    --------
    skmixed.MixedLogisticClassifier : Models of such answers.

    Examples
    --------
    >>> from skmixed.datasets import load_contraception
    >>> X, y = load_contraception(return_X_y=True)
    >>> y.value_counts().to_dict()
    {'N': 1175, 'Y': 759}
    """
    return load_table("contraception", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_grouseticks(*, return_X_y=False, as_frame=True):
    """Load ticks on 403 grouse chicks, in broods in places: overdispersed counts.

    {parameters}

    See Also
    --------
    skmixed.MixedPoissonRegressor : Models of such counts.

    Examples
    --------
    >>> from skmixed.datasets import load_grouseticks
    >>> ticks = load_grouseticks()
    >>> ticks.frame[["BROOD", "LOCATION"]].nunique().to_dict()
    {'BROOD': 118, 'LOCATION': 63}
    """
    return load_table("grouseticks", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_verbagg(*, return_X_y=False, as_frame=True):
    """Load verbal aggression: 316 people answer 24 items, crossed; yes or no.

    {parameters}

    See Also
    --------
    skmixed.MixedLogisticClassifier : Models of such answers.

    Examples
    --------
    >>> from skmixed.datasets import load_verbagg
    >>> answers = load_verbagg()
    >>> answers.frame[["id", "item"]].nunique().to_dict()
    {'id': 316, 'item': 24}
    """
    return load_table("verbagg", return_X_y=return_X_y, as_frame=as_frame)


@_documented
def load_wine(*, return_X_y=False, as_frame=True):
    """Load the bitterness of wine, rated from 1 to 5 by nine judges: ordered grades.

    {parameters}

    See Also
    --------
    skmixed.MixedOrdinalClassifier : Models of such ratings.

    Examples
    --------
    >>> from skmixed.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> y.value_counts(sort=False).to_dict()
    {'1': 5, '2': 22, '3': 26, '4': 12, '5': 7}
    """
    return load_table("wine", return_X_y=return_X_y, as_frame=as_frame)
