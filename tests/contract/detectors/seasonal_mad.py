"""The cases of the detector `seasonal_mad`."""

from tests.support.options import Case
from tests.support.series import spiked

OPTIONS = {
    "history_days": Case(3, spiked({})),
    "alert_deviations": Case(30, spiked({})),
}
