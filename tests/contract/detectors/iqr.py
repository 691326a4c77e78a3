"""The cases of the detector `iqr`."""

from tests.support.options import Changed
from tests.support.series import calmed_down, spiked

OPTIONS = {
    "history_days": Changed(3, calmed_down()),
    "alert_ranges": Changed(6, spiked({800: 80})),
}
