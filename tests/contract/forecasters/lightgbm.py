"""The cases of the forecaster `lightgbm`."""

from tests.support.options import Changed
from tests.support.panels import growing_days

# The fewest that still learn.
QUICK = {"trees": 8, "rows": 600}
OPTIONS = {
    "catalogue": Changed(8, growing_days(), beside=QUICK),
    "trees": Changed(8, growing_days(), beside={"rows": 600}),
    "rows": Changed(600, growing_days(), beside={"trees": 8}),
}
