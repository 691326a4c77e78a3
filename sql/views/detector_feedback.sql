-- views.detector_feedback: how many of the incidents that people labelled each detector had flagged, and how many of these are some.
--
-- Reads   gold.anomaly
--
-- Labels are said with `python -m pipeline anomaly label`; one of an incident counts in the newest run that has it. Who was silent is
-- not known: people label what they are shown, so there is no recall. `precision` is confirmed ÷ labelled.
WITH labelled AS (
  SELECT anomaly_id, label, detectors, row_number() OVER (PARTITION BY anomaly_id ORDER BY as_of DESC) AS recency
  FROM gold.anomaly
  WHERE label IS NOT NULL
), flagged AS (
  SELECT l.label AS label, d.detector AS detector
  FROM labelled AS l
  CROSS JOIN UNNEST(split(l.detectors, ',')) AS d (detector)
  WHERE l.recency = 1
)
SELECT
  detector AS detector,
  count(*) AS labelled,
  count(*) FILTER (WHERE label = 'confirmed') AS confirmed,
  count(*) FILTER (WHERE label = 'refuted') AS refuted,
  cast(count(*) FILTER (WHERE label = 'confirmed') AS double) / nullif(count(*), 0) AS precision
FROM flagged
GROUP BY detector
