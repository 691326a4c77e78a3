"""The cases of the forecaster `mstl`."""

from tests.support.options import Case
from tests.support.panels import growing_days

OPTIONS = {"past_cutoffs": Case(2, growing_days())}
