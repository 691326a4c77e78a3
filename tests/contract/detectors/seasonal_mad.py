"""The cases of the detector `seasonal_mad`."""

from tests.support.options import Changed
from tests.support.series import spiked

OPTIONS = {
    "history_days": Changed(3, spiked({})),
    "alert_deviations": Changed(30, spiked({})),
}
