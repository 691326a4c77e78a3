-- views.cost_forecast_current: what bills are expected to say, as of the newest run.
--
-- Reads   gold.cost_forecast
--
-- Of one `cost`, `level` and `kind` rows may be added up: all of them contain each other. `mean` adds up, quantiles do not.
SELECT
  c.as_of AS as_of, c.cost AS cost, c.provider AS provider, c.account AS account, c.service AS service, c.team AS team,
  c.currency AS currency, c.level AS level, c.kind AS kind, c.granularity AS granularity, c.ts AS ts, c.billed AS billed,
  c.mean AS mean, c.p05 AS p05, c.p10 AS p10, c.p25 AS p25, c.p50 AS p50, c.p75 AS p75, c.p90 AS p90, c.p95 AS p95, c.p99 AS p99,
  c.model AS model, c.skill AS skill, c.complete_through AS complete_through
FROM gold.cost_forecast AS c
WHERE c.as_of = (SELECT max(as_of) FROM gold.cost_forecast)
