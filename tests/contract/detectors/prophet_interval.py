"""The cases of the detector `prophet_interval`."""

from tests.support.options import Changed
from tests.support.series import days_with_holidays, spiked

# One fit, of a year before 18 December 2025.
OF_DAYS = {"history_days": 365, "retrain_hours": 8760, "daily_seasonality": False, "uncertainty_samples": 50}
AS_SHARES = {**OF_DAYS, "holidays_mode": "multiplicative"}
OPTIONS = {
    "threshold_multiplier": Changed(100, spiked({800: 80})),
    "interval_width": Changed(0.5, spiked({}), {"threshold_multiplier": 0.5}),
    "history_days": Changed(8, spiked({}), {"threshold_multiplier": 0.5}),
    "retrain_hours": Changed(48, spiked({}), {"threshold_multiplier": 0.5}),
    "growth": Changed("flat", spiked({}), {"threshold_multiplier": 0.5}),
    "n_changepoints": Changed(2, spiked({}), {"threshold_multiplier": 0.5}),
    "changepoint_range": Changed(0.3, spiked({}), {"threshold_multiplier": 0.5}),
    "changepoint_prior_scale": Changed(1, spiked({}), {"threshold_multiplier": 0.5}),
    "yearly_seasonality": Changed(True, spiked({}), {"threshold_multiplier": 0.5}),
    "weekly_seasonality": Changed(False, spiked({}), {"threshold_multiplier": 0.5}),
    "daily_seasonality": Changed(1, spiked({}), {"threshold_multiplier": 0.5}),
    "seasonality_mode": Changed("multiplicative", spiked({}), {"threshold_multiplier": 0.5}),
    "seasonality_prior_scale": Changed(0.001, spiked({}), {"threshold_multiplier": 0.5}),
    "holidays": Changed(True, days_with_holidays(), AS_SHARES),
    "holidays_prior_scale": Changed(0.001, days_with_holidays(), {**AS_SHARES, "holidays": True}),
    "holidays_mode": Changed("multiplicative", days_with_holidays(), {**OF_DAYS, "holidays": True}),
    "scaling": Changed("minmax", spiked({}), {"threshold_multiplier": 0.5}),
    "uncertainty_samples": Changed(10, spiked({}), {"threshold_multiplier": 0.5}),
    "seed": Changed(1, spiked({}), {"threshold_multiplier": 0.5, "uncertainty_samples": 10}),
}
