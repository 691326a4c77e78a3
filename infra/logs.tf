locals {
  log_groups = merge(
    { task = "/${var.name}/task" },
    var.orchestrator == "ecs" ? { airflow = "/${var.name}/airflow" } : {},
    var.enable_mlflow ? { mlflow = "/${var.name}/mlflow" } : {},
    local.own_network ? { network = "/${var.name}/network" } : {},
  )
  log_group_arn = { for group, name in local.log_groups : group => "${local.arn.logs}:log-group:${name}" }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338: log_retention_days is a year by default; a shorter one is the operator's decision
  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.log_retention_days
  kms_key_id        = local.key_arn["logs"]
}
