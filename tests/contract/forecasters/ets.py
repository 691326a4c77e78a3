"""The cases of the forecaster `ets`."""

from tests.support.options import Changed
from tests.support.panels import growing_days

OPTIONS = {
    "form": Changed("ANN", growing_days()),
    "past_cutoffs": Changed(2, growing_days()),
}
