# What is wrong with the pipeline itself: alarms, killed containers and the budget write to one topic. What the pipeline finds about
# the estate goes to another, which the step `alert` writes to, under the role publisher, and nobody else.
resource "aws_sns_topic" "alerts" {
  name              = "${var.name}-alerts"
  kms_master_key_id = local.key_arn["topics"]
}

resource "aws_sns_topic_policy" "alerts" {
  arn = aws_sns_topic.alerts.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyTls"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alerts.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      # Without an Allow of its own the policy leaves it to the roles' policies; SNS wants one statement that names the account.
      {
        Sid       = "Owner"
        Effect    = "Allow"
        Principal = { AWS = local.root }
        Action    = ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:SetTopicAttributes", "sns:Subscribe"]
        Resource  = aws_sns_topic.alerts.arn
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "alerts" {
  for_each = { for one in var.alert_subscriptions : "${one.protocol} ${one.endpoint}" => one }

  topic_arn     = aws_sns_topic.alerts.arn
  protocol      = each.value.protocol
  endpoint      = each.value.endpoint
  filter_policy = length(each.value.severities) == 0 ? null : jsonencode({ severity = sort(each.value.severities) })
}

resource "aws_sns_topic" "operations" {
  name              = "${var.name}-operations"
  kms_master_key_id = local.key_arn["topics"]
}

resource "aws_sns_topic_policy" "operations" {
  arn = aws_sns_topic.operations.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyTls"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.operations.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "Watchers"
        Effect    = "Allow"
        Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.operations.arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
      {
        Sid       = "Rules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.operations.arn
        Condition = { ArnLike = { "aws:SourceArn" = "arn:${local.partition}:events:${var.region}:${local.account_id}:rule/${var.name}-*" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "operations" {
  for_each = var.alert_emails

  topic_arn = aws_sns_topic.operations.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_budgets_budget" "this" {
  count = var.enable_budget ? 1 : 0

  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = format("%.1f", var.monthly_budget_usd)
  limit_unit   = "USD"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:project$%s", var.name)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      notification_type         = notification.key
      subscriber_sns_topic_arns = [aws_sns_topic.operations.arn]
    }
  }

  depends_on = [aws_sns_topic_policy.operations]
}

# ---------------------------------------------------------------- failed runs

locals {
  # Where Airflow writes a task's log, and what it writes there when the task has failed, on the last try or before.
  task_log_group = var.orchestrator == "mwaa" ? "airflow-${var.name}-Task" : aws_cloudwatch_log_group.this["task"].name
}

# Without an Airflow nobody writes that line.
resource "aws_cloudwatch_log_metric_filter" "failed_task" {
  count = var.orchestrator == "none" ? 0 : 1

  name           = "${var.name}-failed-tasks"
  log_group_name = local.task_log_group
  pattern        = "\"Task failed with exception\""

  metric_transformation {
    name          = "FailedTasks"
    namespace     = var.name
    value         = "1"
    default_value = "0"
  }

  # MWAA makes its own log groups.
  depends_on = [aws_mwaa_environment.this]
}

resource "aws_cloudwatch_metric_alarm" "failed_task" {
  count = var.orchestrator == "none" ? 0 : 1

  alarm_name          = "${var.name}-failed-tasks"
  alarm_description   = "A task of the pipeline failed. The last good tables stay; Airflow's page of the run says which task and why."
  namespace           = var.name
  metric_name         = aws_cloudwatch_log_metric_filter.failed_task[0].metric_transformation[0].name
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.operations.arn]
  ok_actions          = [aws_sns_topic.operations.arn]
}

# A container that was killed, out of memory for example, writes no last line. 99 is a gate's way to say that nothing is asked for.
resource "aws_cloudwatch_event_rule" "killed_container" {
  count = local.has_cluster ? 1 : 0

  name        = "${var.name}-killed-containers"
  description = "A container of the pipeline ended with an error"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = [aws_ecs_cluster.this[0].arn]
      lastStatus = ["STOPPED"]
      containers = { exitCode = [{ anything-but = [0, 99] }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "killed_container" {
  count = local.has_cluster ? 1 : 0

  rule      = aws_cloudwatch_event_rule.killed_container[0].name
  target_id = "operations"
  arn       = aws_sns_topic.operations.arn
}

# ---------------------------------------------------------------- stale tables

resource "aws_s3_bucket_metric" "watched" {
  for_each = var.watched_tables

  bucket = aws_s3_bucket.this["lake"].id
  name   = replace(each.key, "/", ".")

  filter {
    prefix = "${each.key}/"
  }
}

# Publishing puts objects, so no put is no news. Silence is what is looked for: missing data is the alarm.
resource "aws_cloudwatch_metric_alarm" "stale" {
  for_each = var.watched_tables

  alarm_name          = "${var.name}-stale-${replace(each.key, "/", ".")}"
  alarm_description   = "${replace(each.key, "/", ".")} was not written for ${var.stale_after_hours} hours; readers see the last good rows."
  namespace           = "AWS/S3"
  metric_name         = "PutRequests"
  dimensions          = { BucketName = aws_s3_bucket.this["lake"].id, FilterId = aws_s3_bucket_metric.watched[each.key].name }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = var.stale_after_hours
  datapoints_to_alarm = var.stale_after_hours
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.operations.arn]
  ok_actions          = [aws_sns_topic.operations.arn]
}

# ---------------------------------------------------------------- a silent monitor

# Each run of the DAG `monitor` puts the page of what is so now, also where a source is down, whoever starts it and whatever it
# logs: a put is its heartbeat. It exists where the settings name sources for it.
locals {
  monitored = length(try(var.settings.monitor_sources, [])) > 0
  # What is set by name counts before what the profile sets, as in the pipeline.
  monitor_period_s = try(
    var.settings.monitor_period_s,
    local.declared["monitor_period_s"].set_by[var.settings.profile],
    local.declared["monitor_period_s"].minimum,
  )
}

resource "aws_s3_bucket_metric" "monitor" {
  count = local.monitored ? 1 : 0

  bucket = aws_s3_bucket.this["lake"].id
  name   = "monitor"

  filter {
    prefix = "reports/status.html"
  }
}

resource "aws_cloudwatch_metric_alarm" "monitor" {
  count = local.monitored ? 1 : 0

  alarm_name          = "${var.name}-monitor-silent"
  alarm_description   = "The DAG monitor has not finished ${var.monitor_missed_runs} runs in a row: nobody is told of what is so now. See whether it is paused, and Airflow's page of its last run."
  namespace           = "AWS/S3"
  metric_name         = "PutRequests"
  dimensions          = { BucketName = aws_s3_bucket.this["lake"].id, FilterId = aws_s3_bucket_metric.monitor[0].name }
  statistic           = "Sum"
  period              = local.monitor_period_s
  evaluation_periods  = var.monitor_missed_runs
  datapoints_to_alarm = var.monitor_missed_runs
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.operations.arn]
  ok_actions          = [aws_sns_topic.operations.arn]
}
