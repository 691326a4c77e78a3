-- views.savings_summary: savings per month by run, account, service and action, over all runs.
--
-- Reads   gold.recommendation
--
-- Only recommendations in the portfolio count: what can be done together, so that the sums may be added. `resources` with `keep`
-- or `insufficient_data` are counted with a saving of zero. Low and high are the sums of each saving's own range, as much of it
-- as the portfolio counts of the saving.
SELECT
  as_of AS as_of,
  account AS account,
  service AS service,
  action AS action,
  count(DISTINCT concat_ws('/', account, region, resource_id)) AS resources,
  coalesce(sum(portfolio_savings_usd), 0e0) AS savings_monthly_usd,
  coalesce(
    sum(savings_low_usd * coalesce(portfolio_savings_usd / nullif(savings_monthly_usd, 0e0), 1e0)) FILTER (WHERE portfolio_rank IS NOT NULL),
    0e0
  ) AS savings_low_usd,
  coalesce(
    sum(savings_high_usd * coalesce(portfolio_savings_usd / nullif(savings_monthly_usd, 0e0), 1e0)) FILTER (WHERE portfolio_rank IS NOT NULL),
    0e0
  ) AS savings_high_usd,
  max(breach_probability) FILTER (WHERE portfolio_rank IS NOT NULL) AS highest_breach_probability
FROM gold.recommendation
WHERE portfolio_rank IS NOT NULL OR action IN ('keep', 'insufficient_data')
GROUP BY as_of, account, service, action
