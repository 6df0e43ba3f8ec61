"""The lecture on multilevel models, on one page.

Run: python examples/lecture_on_one_page.py
"""

from skmixed import (
    MixedLinearRegressor,
    SeparateLinearRegressor,
    compare_approaches,
    compare_models,
    likelihood_ratio_test,
    naive_vs_mixed,
)
from skmixed.datasets import load_london_schools

schools = load_london_schools().frame
formula = "exam ~ lrt + (1 + lrt | school)"

print("FIVE APPROACHES\n")
print(compare_approaches(formula, schools))
print("\n\nAPPROACH 3 IN DETAIL, AND SCHOOL 28 ALONE\n")
separate = SeparateLinearRegressor(formula).fit(schools)
print(separate.summary(), "\n")
print(separate.group_coef_["school"].loc[[28]].round(3))

print("\n\nAPPROACH 5: RANDOM INTERCEPT, THEN RANDOM SLOPE TOO\n")
intercept = MixedLinearRegressor("exam ~ lrt + (1 | school)").fit(schools)
slope = MixedLinearRegressor(formula).fit(schools)
print(slope.summary(), "\n")
print(slope.equations(), "\n")
print(likelihood_ratio_test(intercept, slope))

print("\n\nPUPILS AND SCHOOLS TOGETHER: WHAT IGNORING THE SCHOOLS DOES\n")
both = "exam ~ lrt + gender + school_gender + school_avg + (1 | school)"
print(naive_vs_mixed(both, schools))

print("\n\nWHICH APPROACH PREDICTS BEST?\n")
print(compare_models(formula, schools, cv=5))
