-- inputs.newest_forecast: when forecasts were last published.
--
-- Reads   gold.forecast
-- Window  gold.forecast always
--
-- One row; its `as_of` is null where nothing was ever forecast.
SELECT max(as_of) AS as_of
FROM gold.forecast
