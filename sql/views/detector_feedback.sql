-- views.detector_feedback: how many of the incidents that people labelled each detector had flagged, and how many of these are some.
--
-- Reads   gold.anomaly
--
-- Labels are said with `python -m pipeline anomaly label`; one of an incident counts in the newest run that has it. Who was silent is
-- not known: people label what they are shown, so there is no recall. `precision` is confirmed ÷ labelled. Of the `stated` ones, those
-- whose confidence was stated, `mean_confidence` is what it was and `stated_precision` what was true; null of fewer than 30.
WITH labelled AS (
  SELECT anomaly_id, label, detectors, confidence, row_number() OVER (PARTITION BY anomaly_id ORDER BY as_of DESC) AS recency
  FROM gold.anomaly
  WHERE label IS NOT NULL
), flagged AS (
  SELECT l.label AS label, l.confidence AS confidence, d.detector AS detector
  FROM labelled AS l
  CROSS JOIN UNNEST(split(l.detectors, ',')) AS d (detector)
  WHERE l.recency = 1
)
SELECT
  detector AS detector,
  count(*) AS labelled,
  count(*) FILTER (WHERE label = 'confirmed') AS confirmed,
  count(*) FILTER (WHERE label = 'refuted') AS refuted,
  cast(count(*) FILTER (WHERE label = 'confirmed') AS double) / nullif(count(*), 0) AS precision,
  count(confidence) AS stated,
  CASE WHEN count(confidence) >= 30 THEN avg(confidence) END AS mean_confidence,
  CASE WHEN count(confidence) >= 30
    THEN cast(count(*) FILTER (WHERE label = 'confirmed' AND confidence IS NOT NULL) AS double) / nullif(count(confidence), 0)
  END AS stated_precision
FROM flagged
GROUP BY detector
