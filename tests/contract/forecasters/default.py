"""The cases of the default forecaster."""

from tests.support.options import Changed
from tests.support.panels import hours_of_office_days

OPTIONS = {
    "past_cutoffs": Changed(0, hours_of_office_days()),
    "sharpness": Changed(0, hours_of_office_days()),
    "own_share": Changed(1, hours_of_office_days()),
}
