"""The cases of the forecaster `ets`."""

from tests.support.options import Case
from tests.support.panels import growing_days

OPTIONS = {
    "form": Case("ANN", growing_days()),
    "past_cutoffs": Case(2, growing_days()),
}
