# The containers that run steps: one task definition per role, in one cluster. Whoever starts one decides nothing about its rights.
resource "aws_ecs_cluster" "this" {
  count = local.has_cluster ? 1 : 0

  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  count = local.has_cluster ? 1 : 0

  cluster_name       = aws_ecs_cluster.this[0].name
  capacity_providers = ["FARGATE"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

locals {
  # In every container: telemetry off, no code out of data, state in the writable volume.
  environment = merge(local.settings, {
    AWS_DEFAULT_REGION                  = var.region
    HEADROOM_HOME                       = "/var/headroom"
    GX_ANALYTICS_ENABLED                = "false"
    MLFLOW_DISABLE_TELEMETRY            = "true"
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION = "false"
  })

  mlflow_login = var.enable_mlflow ? {
    MLFLOW_TRACKING_PASSWORD = "${aws_secretsmanager_secret.this["mlflow"].arn}:password::"
  } : {}

  source_secrets = sort(distinct(concat(values(var.source_secrets), values(var.route_secrets))))

  # `plain` is for what Airflow runs in a container beside steps: sensors, approvals.
  step_containers = local.has_cluster ? merge(
    { for role, size in var.step_sizes : role => merge(size, {
      role        = aws_iam_role.this[role].arn
      environment = contains(["trainer", "publisher"], role) && var.enable_mlflow ? { MLFLOW_TRACKING_USERNAME = "headroom" } : {}
      secrets = role == "ingest" ? var.source_secrets : merge(
        contains(["trainer", "publisher"], role) ? local.mlflow_login : {},
        role == "publisher" ? var.route_secrets : {},
      )
    }) },
    var.orchestrator == "ecs" ? { plain = { cpu = 512, memory = 1024, role = aws_iam_role.airflow["plain"].arn, environment = {}, secrets = {} } } : {},
  ) : {}

  # Every container: not root, no capability, a root file system that nobody writes to.
  container = {
    image                  = local.image
    essential              = true
    readonlyRootFilesystem = true
    user                   = "10001:10001"
    linuxParameters        = { initProcessEnabled = true, capabilities = { add = [], drop = ["ALL"] } }
    mountPoints = [
      { sourceVolume = "state", containerPath = "/var/headroom", readOnly = false },
      { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false },
    ]
    systemControls = []
    volumesFrom    = []
  }

  log_to = { for group, name in local.log_groups : group => {
    logDriver = "awslogs"
    options   = { "awslogs-group" = name, "awslogs-region" = var.region, "awslogs-stream-prefix" = "container" }
  } }
}

resource "aws_ecs_task_definition" "step" {
  for_each = local.step_containers

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  task_role_arn            = each.value.role
  execution_role_arn       = aws_iam_role.start[0].arn

  container_definitions = jsonencode([merge(local.container, {
    name             = "step"
    memory           = each.value.memory
    command          = ["python", "-m", "pipeline", "--help"]
    logConfiguration = local.log_to.task
    environment = [for name, value in merge(local.environment, local.proxy_environment, local.airflow_task_environment, each.value.environment) : {
      name = name, value = value
    }]
    secrets      = [for name, from in each.value.secrets : { name = name, valueFrom = from }]
    portMappings = []
  })])

  # They appear with the task and go with it.
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

# ---------------------------------------------------------------- what ECS itself may do to start a container

resource "aws_iam_role" "start" {
  count = local.has_cluster ? 1 : 0

  name                 = "${var.name}-start"
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

resource "aws_iam_role_policy" "start" {
  #checkov:skip=CKV_AWS_355: ecr:GetAuthorizationToken knows no resource to name
  count = local.has_cluster ? 1 : 0

  name = "start"
  role = aws_iam_role.start[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Sid = "LogIn", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
        {
          Sid      = "PullImage"
          Effect   = "Allow"
          Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
          Resource = aws_ecr_repository.this.arn
        },
        {
          Sid      = "WriteContainerLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = [for arn in values(local.log_group_arn) : "${arn}:*"]
        },
      ],
      [for statement in [
        {
          Sid      = "HandOverSecrets"
          Effect   = "Allow"
          Action   = "secretsmanager:GetSecretValue"
          Resource = [for secret in values(aws_secretsmanager_secret.this) : secret.arn]
        },
        {
          Sid       = "DecryptSecrets"
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = local.key_arn["platform"]
          Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } }
        },
      ] : statement if length(local.secrets) > 0],
      [for statement in [
        {
          Sid    = "HandOverSourceSecrets"
          Effect = "Allow"
          Action = "secretsmanager:GetSecretValue"
          # Without the field, which is no part of a secret's name.
          Resource = [for arn in local.source_secrets : join(":", slice(split(":", arn), 0, 7)) if strcontains(arn, ":secretsmanager:")]
        },
        {
          Sid      = "HandOverSourceParameters"
          Effect   = "Allow"
          Action   = "ssm:GetParameters"
          Resource = [for arn in local.source_secrets : arn if strcontains(arn, ":ssm:")]
        },
      ] : statement if length(statement.Resource) > 0],
      [for statement in [
        {
          Sid      = "DecryptSourceSecrets"
          Effect   = "Allow"
          Action   = "kms:Decrypt"
          Resource = sort(var.source_secret_kms_key_arns)
          # A secret may lie in another region, and a key lies where the secret does.
          Condition = { StringEquals = { "kms:ViaService" = flatten([
            for region in distinct([for arn in sort(var.source_secret_kms_key_arns) : split(":", arn)[3]]) :
            ["secretsmanager.${region}.amazonaws.com", "ssm.${region}.amazonaws.com"]
          ]) } }
        },
      ] : statement if length(statement.Resource) > 0],
    )
  })
}
