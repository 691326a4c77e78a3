-- views.recommendation_coh: what the newest run's portfolio saves, under the column names of AWS Cost Optimization Hub's export.
--
-- Reads   gold.recommendation
--
-- For dashboards made for COST_OPTIMIZATION_RECOMMENDATIONS: one row for each change that can be done beside the others and saves
-- dollars, so that the savings add up. Schedule and Release are ours, as are the types of addresses, snapshots, load balancers and
-- commitments; what costs more, has no price, saves nothing for sure, or is to be investigated or tagged has no row there and none
-- here. The cost after discounts is known of what is read off a bill alone. An account has no name beside its id, a resource no tags here, and its id
-- stands for the ARN. The evidence is in current_resource_details.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.recommendation
),
counted AS (
  SELECT
    r.recommendation_id, r.as_of, r.account, r.region, r.service, r.resource_id, r.action, r.current_config, r.target_config,
    r.evidence_json, r.monthly_cost_usd, r.effort, r.restart_needed, r.rollback_possible,
    r.portfolio_savings_usd,
    CASE WHEN r.service = 'reservation' THEN 'PurchaseReservedInstances' ELSE 'PurchaseSavingsPlans' END AS purchase,
    r.portfolio_savings_usd * r.savings_after_discounts_usd / nullif(r.savings_monthly_usd, 0e0) AS after_discounts_usd,
    CASE WHEN r.service IN ('savings_plan', 'commitment', 'reservation') THEN r.monthly_cost_usd END AS cost_after_discounts_usd,
    CASE r.service
      WHEN 'ec2' THEN 'Ec2Instance'
      WHEN 'ebs' THEN 'EbsVolume'
      WHEN 'ebs-snapshot' THEN 'EbsSnapshot'
      WHEN 'rds' THEN 'RdsDbInstance'
      WHEN 'lambda' THEN 'LambdaFunction'
      WHEN 'nat' THEN 'NatGateway'
      WHEN 'elb' THEN 'LoadBalancer'
      WHEN 'address' THEN 'PublicIpv4Address'
      WHEN 'savings_plan' THEN 'ComputeSavingsPlans'
      WHEN 'commitment' THEN 'Commitment'
      WHEN 'reservation' THEN 'ReservedInstances'
      WHEN 'autoscaling' THEN 'Ec2AutoScalingGroup'
      WHEN 'ecs' THEN 'EcsService'
      WHEN 'dynamodb' THEN 'DynamoDbTable'
      WHEN 'elasticache' THEN 'ElastiCacheCluster'
      WHEN 'memorydb' THEN 'MemoryDbCluster'
      WHEN 'docdb' THEN 'DocumentDbInstance'
      WHEN 'sagemaker' THEN 'SageMakerEndpoint'
      WHEN 'workspaces' THEN 'WorkSpace'
      WHEN 's3' THEN 'S3Bucket'
      ELSE r.service
    END AS resource_type
  FROM gold.recommendation AS r
  JOIN newest AS w ON w.as_of = r.as_of
  WHERE r.portfolio_rank IS NOT NULL AND r.portfolio_savings_usd > 0
)
SELECT
  recommendation_id AS recommendation_id,
  account AS account_id,
  account AS account_name,
  CASE action
    WHEN 'stop' THEN 'Stop'
    WHEN 'terminate' THEN 'Delete'
    WHEN 'delete' THEN 'Delete'
    WHEN 'schedule' THEN 'Schedule'
    WHEN 'rightsize' THEN 'Rightsize'
    WHEN 'upsize' THEN 'Rightsize'
    WHEN 'upgrade' THEN 'Upgrade'
    WHEN 'migrate' THEN 'MigrateToGraviton'
    WHEN 'purchase' THEN purchase
    WHEN 'release' THEN 'Release'
    ELSE action
  END AS action_type,
  'USD' AS currency_code,
  evidence_json AS current_resource_details,
  current_config AS current_resource_summary,
  resource_type AS current_resource_type,
  cost_after_discounts_usd AS estimated_monthly_cost_after_discount,
  monthly_cost_usd AS estimated_monthly_cost_before_discount,
  after_discounts_usd AS estimated_monthly_savings_after_discount,
  portfolio_savings_usd AS estimated_monthly_savings_before_discount,
  100e0 * after_discounts_usd / nullif(cost_after_discounts_usd, 0e0) AS estimated_savings_percentage_after_discount,
  100e0 * portfolio_savings_usd / nullif(monthly_cost_usd, 0e0) AS estimated_savings_percentage_before_discount,
  CASE effort
    WHEN 'very_low' THEN 'VeryLow'
    WHEN 'low' THEN 'Low'
    WHEN 'medium' THEN 'Medium'
    WHEN 'high' THEN 'High'
    WHEN 'very_high' THEN 'VeryHigh'
  END AS implementation_effort,
  as_of AS last_refresh_timestamp,
  try_cast(json_extract_scalar(evidence_json, '$.window_days') AS integer) AS recommendation_lookback_period_in_days,
  'Headroom' AS recommendation_source,
  cast(NULL AS varchar) AS recommended_resource_details,
  target_config AS recommended_resource_summary,
  resource_type AS recommended_resource_type,
  nullif(region, 'global') AS region,
  resource_id AS resource_arn,
  restart_needed AS restart_needed,
  rollback_possible AS rollback_possible,
  cast(NULL AS varchar) AS tags
FROM counted
