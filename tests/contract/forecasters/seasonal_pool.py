"""The cases of the forecaster `seasonal_pool`."""

from tests.support.options import Changed
from tests.support.panels import hours_of_office_days

OPTIONS = {
    "naive_share": Changed(0, hours_of_office_days()),
    "decay": Changed(0.1, hours_of_office_days()),
    "neighbours": Changed(0, hours_of_office_days()),
    "same_weekday": Changed(20, hours_of_office_days()),
    "other_day_type": Changed(0, hours_of_office_days()),
    "level": Changed(1, hours_of_office_days()),
}
