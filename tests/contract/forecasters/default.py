"""The cases of the default forecaster."""

from tests.support.options import Case
from tests.support.panels import hours_of_office_days

OPTIONS = {
    "past_cutoffs": Case(0, hours_of_office_days()),
    "sharpness": Case(0, hours_of_office_days()),
    "own_share": Case(1, hours_of_office_days()),
}
