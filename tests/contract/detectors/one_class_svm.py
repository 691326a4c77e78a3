"""The cases of the detector `one_class_svm`."""

from tests.support.options import Changed
from tests.support.series import spiked

OPTIONS = {
    "history_days": Changed(7, spiked({}), {"alert_ratio": 0.7}),
    "retrain_hours": Changed(24, spiked({}), {"alert_ratio": 0.7}),
    "alert_ratio": Changed(0.5, spiked({})),
    "catalogue": Changed(6, spiked({}), {"alert_ratio": 0.7}),
    "seed": Changed(1, spiked({}), {"alert_ratio": 0.7}),
    "nu": Changed(0.3, spiked({}), {"alert_ratio": 0.7}),
    "gamma": Changed(1, spiked({}), {"alert_ratio": 0.7}),
}
