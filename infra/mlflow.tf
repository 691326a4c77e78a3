# The tracking server: private, behind basic auth, metadata in Postgres. Clients read and write artefacts in S3 under their own roles.
resource "aws_ecs_task_definition" "mlflow" {
  count = var.enable_mlflow ? 1 : 0

  family                   = "${var.name}-mlflow"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 1024
  memory                   = 2048
  task_role_arn            = aws_iam_role.mlflow[0].arn
  execution_role_arn       = aws_iam_role.start[0].arn

  container_definitions = jsonencode([merge(local.container, {
    name = "mlflow"
    command = [
      "mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "2", "--app-name", "basic-auth",
      "--backend-store-uri", "postgresql+psycopg2://mlflow@${aws_db_instance.this["mlflow"].address}:5432/mlflow",
      "--default-artifact-root", local.mlflow_artifacts, "--no-serve-artifacts",
    ]
    logConfiguration = local.log_to.mlflow
    environment = [for name, value in {
      HOME                               = "/var/headroom"
      MLFLOW_AUTH_ADMIN_USERNAME         = "headroom"
      MLFLOW_AUTH_CONFIG_PATH            = "/opt/headroom/infra/mlflow/auth.ini"
      MLFLOW_DISABLE_TELEMETRY           = "true"
      MLFLOW_SERVER_ALLOWED_HOSTS        = "mlflow.${var.name}.internal:5000,localhost:*"
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION = "false"
      # The file names no address: users live in the same database, which the client library finds by these.
      PGDATABASE = "mlflow"
      PGHOST     = aws_db_instance.this["mlflow"].address
      PGSSLMODE  = "require"
      PGUSER     = "mlflow"
    } : { name = name, value = value }]
    secrets = [
      { name = "MLFLOW_AUTH_ADMIN_PASSWORD", valueFrom = "${aws_secretsmanager_secret.this["mlflow"].arn}:password::" },
      { name = "MLFLOW_FLASK_SERVER_SECRET_KEY", valueFrom = "${aws_secretsmanager_secret.this["mlflow"].arn}:secret_key::" },
      { name = "PGPASSWORD", valueFrom = "${aws_secretsmanager_secret.this["mlflow-database"].arn}:password::" },
    ]
    portMappings = [{ containerPort = 5000, hostPort = 5000, protocol = "tcp" }]
  })])

  volume {
    name = "state"
  }

  volume {
    name = "tmp"
  }

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
}

resource "aws_ecs_service" "mlflow" {
  count = var.enable_mlflow ? 1 : 0

  name             = "mlflow"
  cluster          = aws_ecs_cluster.this[0].id
  task_definition  = aws_ecs_task_definition.mlflow[0].arn
  desired_count    = 1
  launch_type      = "FARGATE"
  platform_version = "LATEST"
  propagate_tags   = "SERVICE"

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [aws_security_group.this["mlflow"].id]
    assign_public_ip = false
  }

  service_registries {
    registry_arn = aws_service_discovery_service.this["mlflow"].arn
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
}

# The server itself deletes artefacts of deleted runs, and lists them for its pages.
resource "aws_iam_role" "mlflow" {
  count = var.enable_mlflow ? 1 : 0

  name                 = "${var.name}-mlflow"
  path                 = var.role_path
  permissions_boundary = local.role_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnLike      = { "aws:SourceArn" = "${local.arn.ecs}:*" }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "mlflow" {
  count = var.enable_mlflow ? 1 : 0

  name   = "artifacts"
  role   = aws_iam_role.mlflow[0].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.read_models })
}
