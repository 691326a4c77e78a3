"""The cases of the forecaster `ridge`."""

from tests.support.options import Case
from tests.support.panels import growing_days, hours_of_office_days

OPTIONS = {
    "log": Case(True, growing_days()),
    "changepoints": Case(0, growing_days()),
    "changepoint_penalty": Case(1e4, growing_days()),
    "season_penalty": Case(100, growing_days()),
    "calendar_penalty": Case(1e-3, growing_days()),
    "half_life": Case(0.05, growing_days()),
    "damping": Case(1, growing_days()),
    "past_cutoffs": Case(0, hours_of_office_days()),
}
