"""The cases of the detector `matrix_profile`."""

from tests.support.options import Changed
from tests.support.series import spiked

OPTIONS = {
    "window_samples": Changed(48, spiked({}), {"alert_ratio": 0.5, "least_ratio": 0.01}),
    "history_days": Changed(3, spiked({}), {"alert_ratio": 0.8}),
    "alert_ratio": Changed(10, spiked({800: 80})),
    "by_shape": Changed(True, spiked({800: 20})),
    "least_ratio": Changed(2, spiked({800: 80})),
}
