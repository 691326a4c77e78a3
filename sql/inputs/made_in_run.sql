-- inputs.made_in_run: which steps and tables of a run were made, of those that were tried.
--
-- Reads   bronze.run_event
-- Params  :end      end of the run's data interval
--         :rhythm   day for the run of whole days that ends then, monitor for that of a part of a day
-- Window  0 days
--
-- Each at its latest execution; of one that is made in shards all of them must be.
WITH latest AS (
  SELECT
    step, target, outcome,
    row_number() OVER (PARTITION BY step, target, shard ORDER BY ingested_at DESC, load_id DESC) AS recency
  FROM bronze.run_event
  WHERE day = cast(:end AS date) AND ts = :end
    AND CASE WHEN start_at <= ts - INTERVAL '1' DAY THEN 'day' ELSE 'monitor' END = :rhythm
)
SELECT
  CASE WHEN step = 'build' THEN target ELSE step END AS name,
  count(CASE WHEN outcome = 'failed' THEN 1 END) = 0 AS is_made
FROM latest
WHERE recency = 1
GROUP BY CASE WHEN step = 'build' THEN target ELSE step END
ORDER BY name
