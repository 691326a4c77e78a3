"""The cases of the detector `zscore`."""

from tests.support.options import Case
from tests.support.series import calmed_down, spiked

OPTIONS = {
    "history_days": Case(2, calmed_down()),
    "alert_deviations": Case(10, spiked({800: 80})),
}
