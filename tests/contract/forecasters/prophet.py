"""The cases of the forecaster `prophet`."""

import numpy as np

from tests.support.options import Case
from tests.support.panels import days_before_a_holiday, growing_days, hours_of_office_days

OPTIONS = {
    "growth": Case("logistic", growing_days()),
    "n_changepoints": Case(2, growing_days()),
    "changepoint_range": Case(0.3, growing_days()),
    "changepoint_prior_scale": Case(1, growing_days()),
    "yearly_seasonality": Case(True, growing_days()),
    "weekly_seasonality": Case(False, growing_days()),
    "daily_seasonality": Case(1, hours_of_office_days().take(np.array([0]))),
    "seasonality_mode": Case("multiplicative", growing_days()),
    "seasonality_prior_scale": Case(0.001, growing_days()),
    "holidays_prior_scale": Case(0.001, days_before_a_holiday(), beside={"holidays": True}),
    "holidays_mode": Case("multiplicative", days_before_a_holiday(), beside={"holidays": True}),
    "scaling": Case("minmax", growing_days()),
    "uncertainty_samples": Case(10, growing_days()),
    "holidays": Case(True, days_before_a_holiday()),
    "quarter_end": Case(True, growing_days()),
}
