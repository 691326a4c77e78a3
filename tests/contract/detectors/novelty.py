"""The cases of the detector `novelty`."""

from tests.support.options import Changed
from tests.support.series import spiked

OPTIONS = {
    # With three days in mind, what was seen before them is new again.
    "history_days": Changed(3, spiked({})),
    # A smaller incident twenty hours after a larger one.
    "announced_hours": Changed(48, spiked({800: 80, 840: -60})),
    "alert_range_ratio": Changed(10, spiked({800: 80})),
    "alert_novelty_ratio": Changed(100, spiked({})),
}
