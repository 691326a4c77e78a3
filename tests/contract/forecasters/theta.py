"""The cases of the forecaster `theta`."""

from tests.support.options import Changed
from tests.support.panels import growing_days

OPTIONS = {"past_cutoffs": Changed(2, growing_days())}
