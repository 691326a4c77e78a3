-- inputs.activity: what tells whether anything uses a resource, day by day.
--
-- Reads   silver.metric_daily
-- Params  :since, :as_of   days in [since, as_of), UTC
-- Window  0 days
--
-- The metrics are those whose silence pipeline.advice.measures explains, but for what is looked at by the hour. It reaches further
-- back than inputs.usage, because what is used once a month is not idle.
SELECT
  account AS account,
  region AS region,
  resource_id AS resource_id,
  metric AS metric,
  ts AS day,
  mean AS mean,
  max AS max,
  samples AS samples,
  expected_samples AS expected_samples
FROM silver.metric_daily
WHERE ts >= :since AND ts < :as_of
  AND metric IN (
    'request_count', 'NewFlowCount', 'ConsumedLCUs', 'HealthyHostCount', 'ActiveConnectionCount', 'BytesOutToDestination',
    'VolumeReadOps', 'VolumeWriteOps', 'DatabaseConnections',
    'ConsumedReadCapacityUnits', 'ConsumedWriteCapacityUnits', 'ProvisionedReadCapacityUnits', 'ProvisionedWriteCapacityUnits',
    'EngineCPUUtilization', 'NewConnections', 'CacheHits', 'CacheMisses', 'GetTypeCmds', 'SetTypeCmds',
    'KeyspaceHits', 'KeyspaceMisses', 'Invocations', 'DiskUtilization',
    'BucketSizeBytes:StandardStorage', 'NumberOfObjects:AllStorageTypes',
    'GetRequests:EntireBucket', 'BytesDownloaded:EntireBucket', 'BytesUploaded:EntireBucket'
  )
ORDER BY account, region, resource_id, metric, ts
