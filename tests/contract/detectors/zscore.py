"""The cases of the detector `zscore`."""

from tests.support.options import Changed
from tests.support.series import calmed_down, spiked

OPTIONS = {
    "history_days": Changed(2, calmed_down()),
    "alert_deviations": Changed(10, spiked({800: 80})),
}
