"""The cases of the default detector."""

from tests.support.options import Changed
from tests.support.series import spiked

OPTIONS = {
    # With three days in mind, what was seen before them is new again.
    "history_days": Changed(3, spiked({})),
    "alert_deviations": Changed(2, spiked({})),
    # Two samples that are far outside of normal noise, and lower than no night.
    "calm_deviations": Changed(1000, spiked({822: -7, 823: -7})),
    # A smaller incident five hours after a larger one.
    "announced_hours": Changed(2, spiked({800: 80, 810: 70})),
    "worse_ratio": Changed(1, spiked({800: 40, 802: 70})),
}
