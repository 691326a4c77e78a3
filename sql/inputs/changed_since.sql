-- inputs.changed_since: since when each resource is in the state, and of the type, in which it was last seen.
--
-- Reads   silver.resource
-- Params  :since, :as_of   resources seen in [since, as_of), UTC
-- Window  0 days
--
-- `state_since` is the first day of the unbroken time in its last state, as far back as inventories reach in the window: it may have
-- been so for longer. `config_changed_at` is the first day of its last type, null where no other was seen before
-- it: a type that is not stated is no other. A day without an inventory changes nothing.
WITH seen AS (
  SELECT
    account, region, resource_id, ts, state, coalesce(instance_type, '') AS config,
    first_value(state) OVER (PARTITION BY account, region, resource_id ORDER BY ts DESC) AS last_state,
    first_value(coalesce(instance_type, '')) OVER (PARTITION BY account, region, resource_id ORDER BY ts DESC) AS last_config
  FROM silver.resource
  WHERE ts >= :since AND ts < :as_of
),
other AS (
  SELECT
    account, region, resource_id, ts,
    max(CASE WHEN state <> last_state THEN ts END) OVER (PARTITION BY account, region, resource_id) AS other_state_at,
    max(CASE WHEN config <> last_config AND config <> '' AND last_config <> '' THEN ts END) OVER (PARTITION BY account, region, resource_id) AS other_config_at
  FROM seen
)
SELECT
  account AS account,
  region AS region,
  resource_id AS resource_id,
  min(CASE WHEN other_state_at IS NULL OR ts > other_state_at THEN ts END) AS state_since,
  min(CASE WHEN ts > other_config_at THEN ts END) AS config_changed_at
FROM other
GROUP BY account, region, resource_id
ORDER BY account, region, resource_id
