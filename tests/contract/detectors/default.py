"""The cases of the default detector."""

from tests.support.options import Case
from tests.support.series import spiked

OPTIONS = {
    # With three days in mind, what was seen before them is new again.
    "history_days": Case(3, spiked({})),
    # A smaller incident twenty hours after a larger one.
    "announced_hours": Case(48, spiked({800: 80, 840: -60})),
    "alert_range_ratio": Case(10, spiked({800: 80})),
    "alert_novelty_ratio": Case(100, spiked({})),
}
