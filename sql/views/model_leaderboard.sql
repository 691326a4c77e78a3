-- views.model_leaderboard: the forecasters of each segment in the newest training, the best first, and which one serves.
--
-- Reads   gold.model_metric, gold.promotion
--
-- `place` orders by scaled pinball loss, which rewards the whole forecast and not only its middle. `skill` is against seasonal
-- naive. The champion may stand below another: a new one has to win by a margin, and coverage has its own gate. Where nothing
-- passed the gates there is no champion; what `serves` all the same is `unsound`.
WITH newest AS (
  SELECT metric, granularity, max(as_of) AS as_of FROM gold.model_metric GROUP BY metric, granularity
),
decided AS (
  SELECT
    metric, granularity, champion, champion_version, decision, reason, coalesce(serves, champion) AS serves, soundness,
    row_number() OVER (PARTITION BY metric, granularity ORDER BY fence DESC) AS recency
  FROM gold.promotion
)
SELECT
  s.as_of AS as_of,
  s.metric AS metric,
  s.granularity AS granularity,
  row_number() OVER (PARTITION BY s.metric, s.granularity ORDER BY s.scaled_pinball NULLS LAST, s.model) AS place,
  s.model AS model,
  coalesce(s.model = d.champion, false) AS is_champion,
  coalesce(s.model = d.serves, false) AS serves,
  CASE WHEN s.model = d.serves THEN d.soundness END AS soundness,
  s.series AS series,
  s.windows AS windows,
  s.mase AS mase,
  s.rmsse AS rmsse,
  s.wape AS wape,
  s.smape AS smape,
  s.scaled_pinball AS scaled_pinball,
  s.coverage_50 AS coverage_50,
  s.coverage_80 AS coverage_80,
  s.coverage_90 AS coverage_90,
  s.skill AS skill,
  s.cpu_s_per_series AS cpu_s_per_series,
  d.champion_version AS champion_version,
  d.decision AS decision,
  d.reason AS reason
FROM gold.model_metric AS s
JOIN newest AS n ON n.metric = s.metric AND n.granularity = s.granularity AND n.as_of = s.as_of
LEFT JOIN decided AS d ON d.metric = s.metric AND d.granularity = s.granularity AND d.recency = 1
