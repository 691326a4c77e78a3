"""The cases of the detector `ewma`."""

from tests.support.options import Changed
from tests.support.series import calmed_down, spiked

OPTIONS = {
    "half_life_samples": Changed(1, spiked({}), {"alert_deviations": 2}),
    "history_days": Changed(2, calmed_down(), {"alert_deviations": 2}),
    "alert_deviations": Changed(30, spiked({800: 80})),
}
