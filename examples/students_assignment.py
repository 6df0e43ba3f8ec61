"""An assignment on multilevel data: picture, five approaches, sentences, report.

Run: python examples/students_assignment.py [FOLDER]
"""

import sys
from pathlib import Path

from skmixed import MixedLinearRegressor, compare_approaches, describe
from skmixed.datasets import load_london_schools
from skmixed.inspection import GroupLinesDisplay

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
schools = load_london_schools().frame
formula = "exam ~ lrt + (1 + lrt | school)"

five = compare_approaches(formula, schools)
print(five)
for name, approach in five.models.items():
    print(f"\n{name.upper()}\n\n{describe(approach)}")

model = MixedLinearRegressor("exam ~ lrt * school_avg + gender + (1 + lrt | school)")
model.fit(schools)
display = GroupLinesDisplay.from_estimator(model, schools, highlight=28)
display.figure_.savefig(folder / "lines.png", dpi=150)
print("Written:", folder / "lines.png", model.report(folder / "report.html", schools))
