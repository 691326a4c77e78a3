locals {
  databases = merge(
    var.orchestrator == "ecs" ? { airflow = local.key_arn["platform"] } : {},
    var.enable_mlflow ? { mlflow = local.key_arn["mlflow"] } : {},
  )
}

resource "aws_db_subnet_group" "this" {
  count = length(local.databases) > 0 ? 1 : 0

  name       = var.name
  subnet_ids = local.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  count = length(local.databases) > 0 ? 1 : 0

  name   = "${var.name}-postgres16"
  family = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157: multi_az is true by default; a trial may do without a standby
  #checkov:skip=CKV_AWS_293: deletion_protection is true by default; a trial may do without
  #checkov:skip=CKV_AWS_161: Airflow and MLflow keep connections open longer than an IAM token lives; the password is in Secrets Manager
  for_each = local.databases

  identifier     = "${var.name}-${each.key}"
  engine         = "postgres"
  engine_version = "16"
  instance_class = var.database_instance_class
  multi_az       = var.multi_az

  db_name             = each.key
  username            = each.key
  password_wo         = local.secret_values["${each.key}-database"].password
  password_wo_version = var.secret_version

  allocated_storage     = 20
  max_allocated_storage = 100
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = each.value

  db_subnet_group_name   = aws_db_subnet_group.this[0].name
  parameter_group_name   = aws_db_parameter_group.this[0].name
  vpc_security_group_ids = [aws_security_group.this["database"].id]
  publicly_accessible    = false

  backup_retention_period         = 30
  copy_tags_to_snapshot           = true
  deletion_protection             = var.deletion_protection
  skip_final_snapshot             = !var.deletion_protection
  final_snapshot_identifier       = "${var.name}-${each.key}-last"
  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
  performance_insights_enabled    = true
  performance_insights_kms_key_id = each.value
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.database_monitoring[0].arn
}

resource "aws_iam_role" "database_monitoring" {
  count = length(local.databases) > 0 ? 1 : 0

  name                 = "${var.name}-database-monitoring"
  path                 = var.role_path
  permissions_boundary = local.role_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "database_monitoring" {
  count = length(local.databases) > 0 ? 1 : 0

  name = "write"
  role = aws_iam_role.database_monitoring[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents", "logs:PutRetentionPolicy"]
      Resource = ["${local.arn.logs}:log-group:RDSOSMetrics", "${local.arn.logs}:log-group:RDSOSMetrics:log-stream:*"]
    }]
  })
}
