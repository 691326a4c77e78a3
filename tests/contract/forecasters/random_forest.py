"""The cases of the forecaster `random_forest`."""

from tests.support.options import Changed
from tests.support.panels import growing_days

# With fewer trees some row is in every bag and has no out-of-bag error.
QUICK = {"trees": 40, "rows": 400}
OPTIONS = {
    "trees": Changed(40, growing_days(), beside={"rows": 400}),
    "rows": Changed(400, growing_days(), beside={"trees": 40}),
}
