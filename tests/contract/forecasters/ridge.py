"""The cases of the forecaster `ridge`."""

from tests.support.options import Changed
from tests.support.panels import growing_days, hours_of_office_days

OPTIONS = {
    "log": Changed(True, growing_days()),
    "changepoints": Changed(0, growing_days()),
    "changepoint_penalty": Changed(1e4, growing_days()),
    "season_penalty": Changed(100, growing_days()),
    "calendar_penalty": Changed(1e-3, growing_days()),
    "half_life": Changed(0.05, growing_days()),
    "damping": Changed(1, growing_days()),
    "past_cutoffs": Changed(0, hours_of_office_days()),
}
