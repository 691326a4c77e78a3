"""The cases of the detector `iqr`."""

from tests.support.options import Case
from tests.support.series import calmed_down, spiked

OPTIONS = {
    "history_days": Case(3, calmed_down()),
    "alert_ranges": Case(6, spiked({800: 80})),
}
