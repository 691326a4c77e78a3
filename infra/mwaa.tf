# Managed Airflow. Its workers only start the steps' containers and wait for them: no requirements to install, no right to the lake.
locals {
  on_mwaa = var.orchestrator == "mwaa"
}

resource "aws_mwaa_environment" "this" {
  count = local.on_mwaa ? 1 : 0

  name                  = var.name
  airflow_version       = var.airflow_version
  environment_class     = var.mwaa_environment_class
  execution_role_arn    = aws_iam_role.mwaa[0].arn
  source_bucket_arn     = local.bucket_arn.dags
  dag_s3_path           = "dags"
  kms_key               = local.key_arn["platform"]
  webserver_access_mode = "PRIVATE_ONLY"
  min_workers           = 1
  max_workers           = 4

  # infra/airflow, zipped: it starts the containers. It must be in the bucket before the environment is made.
  plugins_s3_path           = "plugins.zip"
  plugins_s3_object_version = var.mwaa_plugins_version

  airflow_configuration_options = {
    "core.load_examples"      = "False"
    "headroom.cluster"        = aws_ecs_cluster.this[0].name
    "headroom.security_group" = aws_security_group.this["tasks"].id
    "headroom.subnets"        = join(",", local.subnet_ids)
  }

  network_configuration {
    security_group_ids = [aws_security_group.this["mwaa"].id]
    subnet_ids         = local.subnet_ids
  }

  logging_configuration {
    dag_processing_logs {
      enabled   = true
      log_level = "WARNING"
    }

    scheduler_logs {
      enabled   = true
      log_level = "WARNING"
    }

    task_logs {
      enabled   = true
      log_level = "INFO"
    }

    webserver_logs {
      enabled   = true
      log_level = "WARNING"
    }

    worker_logs {
      enabled   = true
      log_level = "WARNING"
    }
  }

  depends_on = [aws_iam_role_policy.mwaa, aws_s3_bucket_public_access_block.this, aws_s3_bucket_versioning.this, aws_vpc_endpoint.interface]
}

resource "aws_iam_role" "mwaa" {
  count = local.on_mwaa ? 1 : 0

  name                 = "${var.name}-mwaa"
  path                 = var.role_path
  permissions_boundary = local.role_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["airflow.amazonaws.com", "airflow-env.amazonaws.com"] }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "mwaa" {
  #checkov:skip=CKV_AWS_355: cloudwatch:PutMetricData, logs:DescribeLogGroups and s3:GetAccountPublicAccessBlock know no resource to name
  #checkov:skip=CKV_AWS_290: what these three do on "*" is to look and to count
  count = local.on_mwaa ? 1 : 0

  name = "mwaa"
  role = aws_iam_role.mwaa[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.start_steps, [
      {
        Sid      = "PublishOwnMetrics"
        Effect   = "Allow"
        Action   = "airflow:PublishMetrics"
        Resource = "${local.arn.airflow}:environment/${var.name}"
      },
      {
        Sid      = "ReadDags"
        Effect   = "Allow"
        Action   = ["s3:GetBucketVersioning", "s3:GetEncryptionConfiguration", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:GetBucketPublicAccessBlock"]
        Resource = [local.bucket_arn.dags, "${local.bucket_arn.dags}/*"]
      },
      { Sid = "LookAtAccount", Effect = "Allow", Action = ["logs:DescribeLogGroups", "s3:GetAccountPublicAccessBlock"], Resource = "*" },
      {
        Sid       = "PublishMetrics"
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*"
        Condition = { StringEquals = { "cloudwatch:namespace" = "AmazonMWAA" } }
      },
      {
        Sid      = "WriteOwnLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:GetLogEvents", "logs:GetLogGroupFields", "logs:GetLogRecord", "logs:GetQueryResults", "logs:PutLogEvents"]
        Resource = "${local.arn.logs}:log-group:airflow-${var.name}-*"
      },
      {
        # The queues live in an account of AWS's own.
        Sid      = "WorkOnQueue"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:SendMessage"]
        Resource = "arn:${local.partition}:sqs:${var.region}:*:airflow-celery-*"
      },
      {
        Sid       = "UseKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"]
        Resource  = local.key_arn["platform"]
        Condition = { StringEquals = { "kms:ViaService" = ["s3.${var.region}.amazonaws.com", "sqs.${var.region}.amazonaws.com"] } }
      },
    ])
  })
}
