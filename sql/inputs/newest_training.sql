-- inputs.newest_training: when models were last trained before a moment.
--
-- Reads   gold.model_metric
-- Params  :as_of   trainings before this moment, UTC
-- Window  400 days
--
-- One row; its `trained_at` is null where there was none for so long that one is due in any case. A training as of the very moment does not count, so that a run that is
-- repeated after it says the same.
SELECT max(as_of) AS trained_at
FROM gold.model_metric
WHERE as_of >= :as_of - INTERVAL '400' DAY AND as_of < :as_of
