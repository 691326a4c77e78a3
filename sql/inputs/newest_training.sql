-- inputs.newest_training: when models were last trained before a moment.
--
-- Reads   gold.model_metric
-- Params  :as_of   trainings before this moment, UTC
--
-- One row; its `trained_at` is null where there was none. A training as of the very moment does not count, so that a run that is
-- repeated after it says the same.
SELECT max(as_of) AS trained_at
FROM gold.model_metric
WHERE as_of < :as_of
