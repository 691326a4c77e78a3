"""The cases of the forecaster `prophet`."""

import numpy as np

from tests.support.options import Changed
from tests.support.panels import days_before_a_holiday, growing_days, hours_of_office_days

OPTIONS = {
    "growth": Changed("logistic", growing_days()),
    "n_changepoints": Changed(2, growing_days()),
    "changepoint_range": Changed(0.3, growing_days()),
    "changepoint_prior_scale": Changed(1, growing_days()),
    "yearly_seasonality": Changed(True, growing_days()),
    "weekly_seasonality": Changed(False, growing_days()),
    "daily_seasonality": Changed(1, hours_of_office_days().take(np.array([0]))),
    "seasonality_mode": Changed("multiplicative", growing_days()),
    "seasonality_prior_scale": Changed(0.001, growing_days()),
    "holidays_prior_scale": Changed(0.001, days_before_a_holiday(), beside={"holidays": True}),
    "holidays_mode": Changed("multiplicative", days_before_a_holiday(), beside={"holidays": True}),
    "scaling": Changed("minmax", growing_days()),
    "uncertainty_samples": Changed(10, growing_days()),
    "holidays": Changed(True, days_before_a_holiday()),
    "quarter_end": Changed(True, growing_days()),
}
