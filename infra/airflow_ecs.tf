# Airflow on Fargate. The executor starts one container per task, under the role of the task's step.
locals {
  on_ecs = var.orchestrator == "ecs"

  # Passwords never stand in an address: libpq and asyncpg take PGPASSWORD, and PGSSLMODE for both.
  airflow_environment = local.on_ecs ? merge(local.environment, {
    AIRFLOW_HOME                                = "/var/headroom/airflow"
    AIRFLOW__CORE__AUTH_MANAGER                 = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
    AIRFLOW__API__BASE_URL                      = "http://airflow.${var.name}.internal:8080"
    AIRFLOW__API__HOST                          = "0.0.0.0"
    AIRFLOW__API__PORT                          = "8080"
    AIRFLOW__CORE__DAGS_FOLDER                  = "/opt/headroom/dags"
    AIRFLOW__CORE__EXECUTION_API_SERVER_URL     = "http://airflow.${var.name}.internal:8080/execution/"
    AIRFLOW__CORE__EXECUTOR                     = "airflow.providers.amazon.aws.executors.ecs.ecs_executor.AwsEcsExecutor"
    AIRFLOW__CORE__LOAD_EXAMPLES                = "False"
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN         = "postgresql+psycopg2://airflow@${aws_db_instance.this["airflow"].address}:5432/airflow"
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC   = "postgresql+asyncpg://airflow@${aws_db_instance.this["airflow"].address}:5432/airflow"
    AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK     = "True"
    PGSSLMODE                                   = "require"
    AIRFLOW__AWS_ECS_EXECUTOR__ASSIGN_PUBLIC_IP = "False"
    AIRFLOW__AWS_ECS_EXECUTOR__CLUSTER          = aws_ecs_cluster.this[0].name
    AIRFLOW__AWS_ECS_EXECUTOR__CONTAINER_NAME   = "step"
    AIRFLOW__AWS_ECS_EXECUTOR__LAUNCH_TYPE      = "FARGATE"
    AIRFLOW__AWS_ECS_EXECUTOR__PLATFORM_VERSION = "LATEST"
    AIRFLOW__AWS_ECS_EXECUTOR__REGION_NAME      = var.region
    AIRFLOW__AWS_ECS_EXECUTOR__SECURITY_GROUPS  = aws_security_group.this["tasks"].id
    AIRFLOW__AWS_ECS_EXECUTOR__SUBNETS          = join(",", local.subnet_ids)
    AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION  = "${var.name}-plain"
  }, local.airflow_logging, var.airflow_config) : {}

  # What a task's own container must know; it reaches the database only through the API server.
  airflow_task_environment = local.on_ecs ? merge(local.airflow_logging, {
    AIRFLOW_HOME                            = "/var/headroom/airflow"
    AIRFLOW__CORE__DAGS_FOLDER              = "/opt/headroom/dags"
    AIRFLOW__CORE__EXECUTION_API_SERVER_URL = "http://airflow.${var.name}.internal:8080/execution/"
    AIRFLOW__CORE__LOAD_EXAMPLES            = "False"
  }) : {}

  airflow_logging = local.on_ecs ? {
    AIRFLOW__LOGGING__REMOTE_LOGGING         = "True"
    AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER = "cloudwatch://${local.log_group_arn.task}"
    AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID     = "aws_default"
    AIRFLOW_CONN_AWS_DEFAULT                 = "aws://"
  } : {}

  airflow_secrets = local.on_ecs ? {
    PGPASSWORD                    = "${aws_secretsmanager_secret.this["airflow-database"].arn}:password::"
    AIRFLOW__CORE__FERNET_KEY     = "${aws_secretsmanager_secret.this["airflow"].arn}:fernet_key::"
    AIRFLOW__API__SECRET_KEY      = "${aws_secretsmanager_secret.this["airflow"].arn}:secret_key::"
    AIRFLOW__API_AUTH__JWT_SECRET = "${aws_secretsmanager_secret.this["airflow"].arn}:jwt_secret::"
    AIRFLOW_ADMIN_PASSWORD        = "${aws_secretsmanager_secret.this["airflow"].arn}:admin_password::"
  } : {}

  airflow_services = local.on_ecs ? {
    api-server = {
      cpu = 1024, memory = 2048, role = "plain"
      # Each of these may be done again: the schema is there, the user exists, the password is the secret's.
      command = ["sh", "-c", join(" && ", [
        "airflow db migrate",
        "airflow users create --role Admin --username admin --password \"$AIRFLOW_ADMIN_PASSWORD\" --firstname Admin --lastname Headroom --email admin@localhost",
        "airflow users reset-password --username admin --password \"$AIRFLOW_ADMIN_PASSWORD\"",
        "exec airflow api-server",
      ])]
    }
    scheduler     = { cpu = 1024, memory = 2048, role = "scheduler", command = ["sh", "-c", "airflow db check-migrations --migration-wait-timeout 600 && exec airflow scheduler"] }
    dag-processor = { cpu = 512, memory = 1024, role = "plain", command = ["sh", "-c", "airflow db check-migrations --migration-wait-timeout 600 && exec airflow dag-processor"] }
    triggerer     = { cpu = 512, memory = 1024, role = "plain", command = ["sh", "-c", "airflow db check-migrations --migration-wait-timeout 600 && exec airflow triggerer"] }
  } : {}
}

resource "aws_ecs_task_definition" "airflow" {
  for_each = local.airflow_services

  family                   = "${var.name}-airflow-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  task_role_arn            = aws_iam_role.airflow[each.value.role].arn
  execution_role_arn       = aws_iam_role.start[0].arn

  container_definitions = jsonencode([merge(local.container, {
    name             = each.key
    command          = each.value.command
    logConfiguration = local.log_to.airflow
    environment      = [for name, value in local.airflow_environment : { name = name, value = value }]
    secrets          = [for name, from in local.airflow_secrets : { name = name, valueFrom = from }]
    portMappings     = each.key == "api-server" ? [{ containerPort = 8080, hostPort = 8080, protocol = "tcp" }] : []
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

resource "aws_ecs_service" "airflow" {
  for_each = local.airflow_services

  name                               = "airflow-${each.key}"
  cluster                            = aws_ecs_cluster.this[0].id
  task_definition                    = aws_ecs_task_definition.airflow[each.key].arn
  desired_count                      = 1
  launch_type                        = "FARGATE"
  platform_version                   = "LATEST"
  propagate_tags                     = "SERVICE"
  deployment_minimum_healthy_percent = each.key == "scheduler" ? 0 : 100
  deployment_maximum_percent         = each.key == "scheduler" ? 100 : 200

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [aws_security_group.this["airflow"].id]
    assign_public_ip = false
  }

  dynamic "service_registries" {
    for_each = each.key == "api-server" ? [1] : []

    content {
      registry_arn = aws_service_discovery_service.this["airflow"].arn
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
}

# ---------------------------------------------------------------- what Airflow itself may do

locals {
  cluster_arn = one(aws_ecs_cluster.this[*].arn)

  # Where MWAA or the scheduler may start steps, and under which roles: exactly the steps' own.
  start_steps = [for statement in [
    {
      Sid       = "StartSteps"
      Effect    = "Allow"
      Action    = "ecs:RunTask"
      Resource  = [for container in sort(keys(local.step_containers)) : "${local.arn.ecs}:task-definition/${var.name}-${container}:*"]
      Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
    },
    {
      Sid       = "FollowSteps"
      Effect    = "Allow"
      Action    = ["ecs:DescribeTasks", "ecs:StopTask"]
      Resource  = "${local.arn.ecs}:task/${var.name}/*"
      Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
    },
    { Sid = "SeeCluster", Effect = "Allow", Action = "ecs:DescribeClusters", Resource = local.cluster_arn },
    {
      Sid       = "PassStepRoles"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = distinct(concat([one(aws_iam_role.start[*].arn)], [for container in values(local.step_containers) : container.role]))
      Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
    },
  ] : statement if local.has_cluster]

  # The same, and to show a task's log in Airflow's page.
  task_log = concat(local.write_task_log, [
    { Sid = "ReadTaskLog", Effect = "Allow", Action = "logs:GetLogEvents", Resource = "${local.log_group_arn.task}:*" },
  ])

  airflow_permissions = { for role, statements in {
    plain     = local.task_log
    scheduler = concat(local.task_log, local.start_steps)
  } : role => statements if local.on_ecs }
}

resource "aws_iam_role" "airflow" {
  for_each = toset(local.on_ecs ? ["plain", "scheduler"] : [])

  name                 = "${var.name}-airflow-${each.key}"
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

resource "aws_iam_role_policy" "airflow" {
  for_each = local.airflow_permissions

  name   = each.key
  role   = aws_iam_role.airflow[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
