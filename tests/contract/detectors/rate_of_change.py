"""The cases of the detector `rate_of_change`."""

from tests.support.options import Changed
from tests.support.series import calmed_down, spiked

OPTIONS = {
    "span_samples": Changed(4, spiked({}), {"alert_deviations": 2}),
    "history_days": Changed(2, calmed_down(), {"alert_deviations": 2}),
    "alert_deviations": Changed(60, spiked({800: 80})),
}
