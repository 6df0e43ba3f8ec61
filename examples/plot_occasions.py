"""
Spread and correlation over time
================================

In a longitudinal study the standard deviation often grows, and the correlation between
two occasions falls with their distance. A random slope of time explains both.
"""

from picture import show

from skmixed.datasets import load_sleepstudy
from skmixed.inspection import OccasionsDisplay

sleep = load_sleepstudy().frame
OccasionsDisplay.from_data(sleep, x="Days", y="Reaction", group="Subject")
show()
