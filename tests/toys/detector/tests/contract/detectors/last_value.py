"""The cases of the detector `last_value`."""

from tests.support.options import Changed
from tests.support.series import spiked

OPTIONS = {"alert_steps": Changed(100, spiked({800: 80}))}
