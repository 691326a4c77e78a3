"""The cases of the forecaster `seasonal_pool`."""

from tests.support.options import Case
from tests.support.panels import hours_of_office_days

OPTIONS = {
    "naive_share": Case(0, hours_of_office_days()),
    "decay": Case(0.1, hours_of_office_days()),
    "neighbours": Case(0, hours_of_office_days()),
    "same_weekday": Case(20, hours_of_office_days()),
    "other_day_type": Case(0, hours_of_office_days()),
    "level": Case(1, hours_of_office_days()),
}
