"""The cases of the detector on a bounded state."""

from tests.support.options import Changed
from tests.support.series import spiked

OPTIONS = {
    "alert_deviations": Changed(2, spiked({})),
    # A smaller incident five hours after a larger one.
    "announced_hours": Changed(2, spiked({800: 80, 810: 70})),
    "worse_ratio": Changed(1, spiked({800: 40, 802: 70})),
}
