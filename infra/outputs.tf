output "settings" {
  description = "Environment of the pipeline: `terraform output -json | python -m tools.settings_from_terraform` prints it as lines."
  value       = local.settings
}

output "settings_file" {
  description = "The same as a headroom.toml: what managed Airflow finds beside its DAGs."
  value       = local.settings_file
}

output "buckets" {
  description = "Names of the buckets."
  value       = { for bucket, it in aws_s3_bucket.this : bucket => it.id }
}

output "databases" {
  description = "Names of the Glue databases, by layer."
  value       = { for layer, database in aws_glue_catalog_database.this : layer => database.name }
}

output "workgroups" {
  description = "Names of the Athena workgroups."
  value       = { for group, it in aws_athena_workgroup.this : group => it.name }
}

output "roles" {
  description = "ARNs of the roles that steps run and analysts read under."
  value       = { for role, it in aws_iam_role.this : role => it.arn }
}

output "task_definitions" {
  description = "ARNs of the steps' task definitions, by role."
  value       = { for container, it in aws_ecs_task_definition.step : container => it.arn }
}

output "run_task" {
  description = "What it takes to start a step's container by hand."
  value = local.has_cluster ? {
    cluster         = aws_ecs_cluster.this[0].name
    subnets         = local.subnet_ids
    security_groups = [aws_security_group.this["tasks"].id]
  } : null
}

output "image_repository" {
  description = "Where the image is pushed."
  value       = aws_ecr_repository.this.repository_url
}

output "topic" {
  description = "ARN of the SNS topic that alarms and the budget write to."
  value       = aws_sns_topic.operations.arn
}

output "alerts_topic" {
  description = "ARN of the SNS topic that the step alert writes to: topic_arn of a route with the notifier sns."
  value       = aws_sns_topic.alerts.arn
}

output "report" {
  description = "Where the newest report, its recommendations.csv and its data_docs are."
  value       = "${local.lake_uri}/reports/latest/report.html"
}

output "airflow_url" {
  description = "Airflow's page, from inside the network."
  value = (
    local.on_ecs ? local.airflow_environment.AIRFLOW__API__BASE_URL
    : local.on_mwaa ? "https://${aws_mwaa_environment.this[0].webserver_url}" : null
  )
}

output "mlflow_url" {
  description = "MLflow's page, from inside the network."
  value       = var.enable_mlflow ? local.mlflow_uri : null
}

output "ci_role" {
  description = "ARN of the role that GitHub's workflows assume."
  value       = one(aws_iam_role.ci[*].arn)
}

output "egress" {
  description = "Whether steps reach what is not AWS, and what follows where they do not."
  value = (
    !local.has_network ? "steps run elsewhere"
    : var.egress != "none" ? "${var.egress}: ${join(", ", sort(keys(local.ways_out)))}"
    : "none: list prices are those of the image and age with it; the sources pricing, prometheus and http_json need egress = nat, network or proxy"
  )
}
