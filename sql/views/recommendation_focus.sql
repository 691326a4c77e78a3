-- views.recommendation_focus: what the newest run recommends, under the column ids of the data set Recommendation of FOCUS 1.5, a draft.
--
-- Reads   gold.recommendation, gold.recommendation_status
--
-- The draft: FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, specification/datasets/recommendation at commit
-- 05d0b77291fc5dd4f3d41f2fa55523eae08753e0; ids are in lower case, as Athena has them. One row for each recommendation of the last 32
-- days whose dollars are known. Those without, for whom a cost impact must not be left null, have none, and each row counts them in
-- x_withoutprice. The impact is below 0 where it saves; at what is paid where the bill says, else at list price, as x_costbasis tells.
-- Impacts add up in x_portfoliocostimpact alone. Where one stands after its change was seen made counts as Implemented. The
-- evaluation period, which may be left out, is: it must begin before the recommendation, and ours moves on with each run.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.recommendation_status
),
stands AS (
  SELECT s.recommendation_id, s.status, s.first_seen_at, s.last_seen_at
  FROM gold.recommendation_status AS s
  JOIN newest AS w ON w.as_of = s.as_of
),
said AS (
  SELECT
    s.recommendation_id, s.status, s.first_seen_at, s.last_seen_at,
    r.account, r.region, r.service, r.resource_id, r.rule_id, r.action, r.reason, r.current_config, r.target_config,
    r.evidence_json, r.effort, r.risk_level, r.portfolio_savings_usd,
    coalesce(r.savings_after_discounts_usd, r.savings_monthly_usd) AS saving_usd,
    r.savings_after_discounts_usd IS NOT NULL OR r.service IN ('savings_plan', 'commitment', 'reservation') AS is_paid,
    r.service IN ('savings_plan', 'commitment', 'tags', 'reservation') AS is_of_the_bill,
    sum(CASE WHEN r.savings_monthly_usd IS NULL THEN 1 ELSE 0 END) OVER () AS without_price
  FROM stands AS s
  JOIN gold.recommendation AS r ON r.recommendation_id = s.recommendation_id AND r.as_of = s.last_seen_at
)
SELECT
  CASE WHEN is_of_the_bill THEN account END AS billingaccountid,
  cast(NULL AS varchar) AS billingaccountname,
  'USD' AS currency,
  0e0 - saving_usd AS estimatedmonthlycostimpact,
  CASE effort
    WHEN 'very_low' THEN 'Very Low'
    WHEN 'low' THEN 'Low'
    WHEN 'medium' THEN 'Medium'
    WHEN 'high' THEN 'High'
    WHEN 'very_high' THEN 'Very High'
  END AS implementationeffort,
  element_at(ARRAY['Very Low', 'Low', 'Medium', 'High', 'Very High'], cast(risk_level AS integer) + 1) AS implementationrisk,
  CASE WHEN action = 'upsize' THEN 'Performance' ELSE 'Cost' END AS recommendationcategory,
  first_seen_at AS recommendationcreated,
  reason AS recommendationdescription,
  concat('{"x_Evidence": ', evidence_json, '}') AS recommendationdetails,
  recommendation_id AS recommendationid,
  last_seen_at AS recommendationlastupdated,
  'Headroom' AS recommendationprovidername,
  CASE status
    WHEN 'new' THEN 'Open'
    WHEN 'open' THEN 'Open'
    WHEN 'accepted' THEN 'Open'
    WHEN 'snoozed' THEN 'Deferred'
    WHEN 'dismissed' THEN 'Dismissed'
    WHEN 'expired' THEN 'Expired'
    ELSE 'Implemented'
  END AS recommendationstatus,
  CASE action
    WHEN 'stop' THEN 'Idle Resource Removal'
    WHEN 'terminate' THEN 'Idle Resource Removal'
    WHEN 'delete' THEN 'Idle Resource Removal'
    WHEN 'schedule' THEN 'Scaling'
    WHEN 'rightsize' THEN 'Rightsizing'
    WHEN 'upsize' THEN 'Other (Performance)'
    WHEN 'upgrade' THEN 'Modernization'
    WHEN 'migrate' THEN 'Modernization'
    WHEN 'purchase' THEN 'Commitment Purchase'
    ELSE 'Other (Cost)'
  END AS recommendationsubcategory,
  nullif(region, 'global') AS regionid,
  cast(NULL AS varchar) AS regionname,
  CASE WHEN NOT is_of_the_bill THEN resource_id END AS resourceid,
  cast(NULL AS varchar) AS resourcename,
  CASE WHEN NOT is_of_the_bill THEN service END AS resourcetype,
  CASE
    WHEN service IN ('ec2', 'server', 'lambda', 'ecs', 'autoscaling', 'workspaces') THEN 'Compute'
    WHEN service IN ('ebs', 'ebs-snapshot', 's3') THEN 'Storage'
    WHEN service IN ('rds', 'docdb', 'dynamodb', 'elasticache', 'memorydb') THEN 'Databases'
    WHEN service IN ('elb', 'nat', 'address') THEN 'Networking'
    WHEN service = 'sagemaker' THEN 'AI and Machine Learning'
    WHEN NOT is_of_the_bill THEN 'Other'
  END AS servicecategory,
  CASE service
    WHEN 'ec2' THEN 'Amazon Elastic Compute Cloud'
    WHEN 'autoscaling' THEN 'Amazon Elastic Compute Cloud'
    WHEN 'ebs' THEN 'Amazon Elastic Block Store'
    WHEN 'ebs-snapshot' THEN 'Amazon Elastic Block Store'
    WHEN 'rds' THEN 'Amazon Relational Database Service'
    WHEN 'docdb' THEN 'Amazon DocumentDB'
    WHEN 'dynamodb' THEN 'Amazon DynamoDB'
    WHEN 'elasticache' THEN 'Amazon ElastiCache'
    WHEN 'memorydb' THEN 'Amazon MemoryDB'
    WHEN 'elb' THEN 'Elastic Load Balancing'
    WHEN 'nat' THEN 'Amazon Virtual Private Cloud'
    WHEN 'address' THEN 'Amazon Virtual Private Cloud'
    WHEN 'lambda' THEN 'AWS Lambda'
    WHEN 'ecs' THEN 'Amazon Elastic Container Service'
    WHEN 's3' THEN 'Amazon Simple Storage Service'
    WHEN 'sagemaker' THEN 'Amazon SageMaker'
    WHEN 'workspaces' THEN 'Amazon WorkSpaces'
    WHEN 'savings_plan' THEN cast(NULL AS varchar)
    WHEN 'commitment' THEN cast(NULL AS varchar)
    WHEN 'tags' THEN cast(NULL AS varchar)
    WHEN 'reservation' THEN cast(NULL AS varchar)
    ELSE service
  END AS servicename,
  CASE WHEN service = 'server' THEN 'unknown' ELSE 'AWS' END AS serviceprovidername,
  CASE WHEN NOT is_of_the_bill THEN account END AS subaccountid,
  cast(NULL AS varchar) AS subaccountname,
  rule_id AS x_ruleid,
  action AS x_action,
  current_config AS x_currentconfig,
  target_config AS x_targetconfig,
  CASE WHEN is_paid THEN 'effective' ELSE 'list' END AS x_costbasis,
  0e0 - portfolio_savings_usd AS x_portfoliocostimpact,
  without_price AS x_withoutprice
FROM said
WHERE saving_usd IS NOT NULL
ORDER BY recommendationid
