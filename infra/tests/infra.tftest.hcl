# What the configuration says, without an AWS: policies are rendered from mock ARNs.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition  = "aws"
      dns_suffix = "amazonaws.com"
    }
  }

  mock_data "aws_vpc" {
    defaults = {
      cidr_block = "172.20.0.0/16"
    }
  }

  mock_data "aws_prefix_list" {
    defaults = {
      id = "pl-00000000000000001"
    }
  }

  mock_data "aws_availability_zones" {
    defaults = {
      names = ["us-east-1a", "us-east-1b", "us-east-1c"]
    }
  }

  mock_resource "aws_kms_key" {
    defaults = {
      arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/mock"
    }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = {
      arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    }
  }

  mock_resource "aws_sns_topic" {
    defaults = {
      arn = "arn:aws:sns:us-east-1:123456789012:mock"
    }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:us-east-1:123456789012:log-group:mock"
    }
  }

  mock_resource "aws_ecr_repository" {
    defaults = {
      arn            = "arn:aws:ecr:us-east-1:123456789012:repository/headroom"
      repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/headroom"
    }
  }

  mock_resource "aws_ecs_cluster" {
    defaults = {
      arn = "arn:aws:ecs:us-east-1:123456789012:cluster/headroom"
      id  = "arn:aws:ecs:us-east-1:123456789012:cluster/headroom"
    }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = {
      arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/mock:1"
    }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = {
      arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:mock"
    }
  }

  mock_resource "aws_service_discovery_service" {
    defaults = {
      arn = "arn:aws:servicediscovery:us-east-1:123456789012:service/mock"
    }
  }

  mock_resource "aws_db_instance" {
    defaults = {
      address = "mock.rds.amazonaws.com"
    }
  }

  mock_resource "aws_mwaa_environment" {
    defaults = {
      arn           = "arn:aws:airflow:us-east-1:123456789012:environment/headroom"
      webserver_url = "mock.airflow.us-east-1.amazonaws.com"
    }
  }

  mock_resource "aws_vpc_endpoint" {
    defaults = {
      prefix_list_id = "pl-0123456789abcdef0"
    }
  }
}

variables {
  secret_seed = "0123456789abcdef0123456789abcdef"
}

# ---------------------------------------------------------------- everything, as it comes

run "airflow_on_ecs" {
  variables {
    alert_emails       = ["oncall@example.com"]
    enable_audit_trail = true
    github_repository  = "acme/headroom"
    client_cidrs       = ["10.0.0.0/8"]
    backup_bucket_arn  = "arn:aws:s3:::acme-backup"
    backup_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = output.settings == {
      HEADROOM_SOURCES          = "cloudwatch,inventory,prices"
      HEADROOM_OPTIONS          = jsonencode({ sources = { cloudwatch = { regions = ["us-east-1"] }, inventory = { regions = ["us-east-1"], services = ["ec2", "ebs", "ebs-snapshot", "rds", "elb", "nat", "address", "s3"] } } })
      HEADROOM_LAKE             = "s3://headroom-lake-123456789012-us-east-1"
      HEADROOM_CATALOG          = "glue"
      HEADROOM_ENGINE           = "athena"
      HEADROOM_DATABASE         = "headroom"
      HEADROOM_AWS_REGION       = "us-east-1"
      HEADROOM_ATHENA_WORKGROUP = "headroom-pipeline"
      HEADROOM_MLFLOW_URI       = "http://mlflow.headroom.internal:5000"
      HEADROOM_MLFLOW_ARTIFACTS = "s3://headroom-mlflow-123456789012-us-east-1/artifacts"
    }
    error_message = "the output settings are not what the pipeline reads"
  }

  assert {
    condition = alltrue([for definition in concat(values(aws_ecs_task_definition.step), values(aws_ecs_task_definition.airflow)) :
      alltrue([for setting, value in output.settings : contains(jsondecode(definition.container_definitions)[0].environment, { name = setting, value = value })])
    ])
    error_message = "every container of a step, and each of Airflow's services, is told every setting"
  }

  assert {
    condition     = toset(values(output.databases)) == toset(["headroom_bronze", "headroom_silver", "headroom_gold", "headroom_views"])
    error_message = "one Glue database per layer, and one for the views"
  }

  assert {
    condition = alltrue([for policy in values(aws_s3_bucket_policy.this) : anytrue([
      for statement in jsondecode(policy.policy).Statement :
      statement.Effect == "Deny" && statement.Action == "s3:*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
    ])])
    error_message = "every bucket refuses what does not come over TLS"
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_s3_bucket_policy.this["lake"].policy).Statement :
      statement.Effect == "Deny" && statement.Action == "s3:PutObject" && alltrue([for written_once in ["bronze", "ledger"] : contains(flatten([statement.Resource]), "arn:aws:s3:::headroom-lake-123456789012-us-east-1/${written_once}/*")]) && try(statement.Condition.Null["s3:if-none-match"], "") == "true"
    ])
    error_message = "nobody replaces an object in bronze, or in the ledger of landings"
  }

  assert {
    condition = alltrue([for block in values(aws_s3_bucket_public_access_block.this) :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == length(aws_s3_bucket.this)
    error_message = "every bucket blocks public access"
  }

  assert {
    condition     = alltrue([for it in values(aws_s3_bucket_versioning.this) : it.versioning_configuration[0].status == "Enabled"]) && length(aws_s3_bucket_versioning.this) == length(aws_s3_bucket.this)
    error_message = "every bucket keeps versions"
  }

  assert {
    condition = alltrue([for bucket, it in aws_s3_bucket_server_side_encryption_configuration.this :
      bucket == "audit" || one(one(it.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    ])
    error_message = "every bucket but the one of access logs is encrypted with a key of ours"
  }

  assert {
    condition     = alltrue([for it in values(aws_s3_bucket_lifecycle_configuration.this) : it.rule[0].noncurrent_version_expiration[0].noncurrent_days <= 30])
    error_message = "old versions expire"
  }

  assert {
    condition     = toset([for it in aws_s3_bucket_lifecycle_configuration.this["lake"].rule[1].transition : it.storage_class]) == toset(["STANDARD_IA", "GLACIER_IR"])
    error_message = "bronze moves to cheaper tiers that Athena still reads"
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["lake"].rule[2].filter[0].prefix == "reports/2"
    error_message = "Reports of runs go, and files that settings name beside them do not."
  }

  assert {
    condition = alltrue([for group in values(aws_athena_workgroup.this) :
      group.configuration[0].enforce_workgroup_configuration &&
      group.configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_KMS" &&
      group.configuration[0].bytes_scanned_cutoff_per_query >= 10000000
    ])
    error_message = "both workgroups enforce encrypted results and a cutoff"
  }

  assert {
    condition     = length(aws_athena_named_query.view) > 0 && alltrue([for query in values(aws_athena_named_query.view) : !can(regex("[ (](bronze|silver|gold|views)\\.[a-z]", query.query))])
    error_message = "named queries name databases, not layers"
  }

  assert {
    condition     = alltrue([for key in values(aws_kms_key.this) : key.enable_key_rotation])
    error_message = "every key rotates"
  }

  assert {
    condition     = alltrue([for group in values(aws_cloudwatch_log_group.this) : group.retention_in_days == 365 && group.kms_key_id != null])
    error_message = "every log expires and is encrypted"
  }

  assert {
    condition     = alltrue([for it in values(aws_db_instance.this) : it.storage_encrypted && !it.publicly_accessible && it.deletion_protection && it.multi_az && it.backup_retention_period == 30])
    error_message = "databases are private, encrypted, doubled and backed up"
  }

  assert {
    condition     = alltrue([for it in concat(values(aws_ecs_service.airflow), aws_ecs_service.mlflow) : !it.network_configuration[0].assign_public_ip])
    error_message = "no service has a public address"
  }

  assert {
    condition     = toset(keys(aws_ecs_service.airflow)) == toset(["api-server", "scheduler", "dag-processor", "triggerer"])
    error_message = "Airflow's four services"
  }

  assert {
    condition = alltrue([
      for definition in concat(values(aws_ecs_task_definition.step), values(aws_ecs_task_definition.airflow), aws_ecs_task_definition.mlflow) :
      alltrue([for container in jsondecode(definition.container_definitions) :
        container.readonlyRootFilesystem && container.user == "10001:10001" && container.linuxParameters.capabilities.drop == ["ALL"] &&
        !anytrue([for variable in container.environment : can(regex("(?i)password|secret|fernet", variable.name))])
      ])
    ])
    error_message = "containers run without root, and passwords come as secrets, not as plain variables"
  }

  assert {
    condition = alltrue([for it in concat(values(aws_vpc_security_group_ingress_rule.flow), values(aws_vpc_security_group_ingress_rule.page)) :
      it.cidr_ipv4 == null || it.cidr_ipv4 == "10.0.0.0/8"
    ])
    error_message = "only our own groups and the named ranges come in"
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.airflow["scheduler"].policy).Statement :
      try(statement.Condition.StringEquals["iam:PassedToService"], "") == "ecs-tasks.amazonaws.com" && !contains(flatten([statement.Resource]), "*") if contains(flatten([statement.Action]), "iam:PassRole")
    ])
    error_message = "the scheduler passes the steps' roles to ECS only"
  }

  assert {
    condition = (
      jsondecode(aws_iam_role.ci[0].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      == "repo:acme/headroom:ref:refs/heads/main"
    )
    error_message = "only workflows of the one branch become the CI role"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.stale) == 3 && alltrue([for alarm in values(aws_cloudwatch_metric_alarm.stale) : alarm.treat_missing_data == "breaching"])
    error_message = "silence of a watched table is an alarm"
  }

  assert {
    condition     = one(one(aws_budgets_budget.this[0].cost_filter).values) == join("$", ["user:project", "headroom"])
    error_message = "the budget counts what carries the project's tag"
  }

  assert {
    condition     = length(aws_cloudtrail.lake) == 1 && length(aws_budgets_budget.this) == 1 && length(aws_s3_bucket_replication_configuration.lake) == 1
    error_message = "trail, budget and backup exist where they are asked for"
  }
}

run "people_are_told" {
  variables {
    alert_subscriptions = [
      { protocol = "email", endpoint = "oncall@example.com", severities = ["critical"] },
      { protocol = "sqs", endpoint = "arn:aws:sqs:us-east-1:123456789012:all" },
    ]
    route_secrets = { TEAM_ADDRESS = "arn:aws:secretsmanager:us-east-1:123456789012:secret:team-a1B2c3" }
    settings = {
      routes          = { team = { notifier = "apprise", teams = ["Payments"], options = { address_env = "TEAM_ADDRESS" } } }
      monitor_sources = ["cloudwatch"], monitor_period_s = 600
      profile         = "high_frequency", log_dir = "/var/headroom/logs", log_level = "ERROR"
    }
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.monitor[0].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.monitor[0].period == 600 &&
      aws_cloudwatch_metric_alarm.monitor[0].evaluation_periods == 6 && aws_cloudwatch_metric_alarm.monitor[0].metric_name == "PutRequests" &&
      one(aws_s3_bucket_metric.monitor[0].filter).prefix == "reports/status.html" &&
      aws_cloudwatch_metric_alarm.monitor[0].dimensions.FilterId == aws_s3_bucket_metric.monitor[0].name
    )
    error_message = "silence of a monitor that is switched on is an alarm"
  }

  assert {
    condition = alltrue([for role, it in aws_ecs_task_definition.step : length(setintersection(
      [for each in jsondecode(it.container_definitions)[0].environment : "${each.name}=${each.value}"],
      ["HEADROOM_PROFILE=high_frequency", "HEADROOM_LOG_DIR=/var/headroom/logs", "HEADROOM_LOG_LEVEL=ERROR"],
    )) == 3])
    error_message = "profile, log folder and level reach every container"
  }

  assert {
    condition = jsondecode(output.settings.HEADROOM_ROUTES) == {
      team  = { notifier = "apprise", teams = ["Payments"], options = { address_env = "TEAM_ADDRESS" } }
      topic = { notifier = "sns", options = { topic_arn = output.alerts_topic } }
    }
    error_message = "with a subscription there is a route to the topic beside those of the settings: ${output.settings.HEADROOM_ROUTES}"
  }

  assert {
    condition = (
      aws_sns_topic_subscription.alerts["email oncall@example.com"].filter_policy == jsonencode({ severity = ["critical"] }) &&
      aws_sns_topic_subscription.alerts["sqs arn:aws:sqs:us-east-1:123456789012:all"].filter_policy == null
    )
    error_message = "who subscribes gets all severities, or those it names"
  }

  assert {
    condition = alltrue([for role, it in aws_iam_role_policy.this :
      (role == "publisher") == anytrue([for statement in jsondecode(it.policy).Statement : contains(flatten([statement.Action]), "sns:Publish")])
    ])
    error_message = "the role of the step alert publishes, and no other"
  }

  assert {
    condition = alltrue([for role, it in aws_ecs_task_definition.step :
      (role == "publisher") == strcontains(it.container_definitions, "team-a1B2c3")
    ])
    error_message = "publisher's container, and no other, is given the secrets of routes"
  }

  assert {
    condition     = contains(keys(aws_vpc_endpoint.interface), "sns")
    error_message = "without a way out SNS is reached through an endpoint"
  }
}

run "managed_airflow" {
  variables {
    orchestrator    = "mwaa"
    airflow_version = "3.3.1"
    egress          = "nat"
    settings = {
      sources = ["cloudwatch", "http_json"]
      shards  = 4
      options = { sources = { cloudwatch = { period_s = 60 }, http_json = { headers = { "X-Team: " = "\\ \":\"" } } } }
    }
  }

  assert {
    condition = aws_s3_object.settings[0].key == "dags/headroom.toml" && alltrue([for line in [
      "shards = 4",
      "sources = [\"cloudwatch\",\"http_json\"]",
      "options = {\"sources\" = {\"cloudwatch\" = {\"period_s\" = 60,\"regions\" = [\"us-east-1\"]},\"http_json\" = {\"headers\" = {\"X-Team: \" = \"\\\\ \\\":\\\"\"}}}}",
      "lake = \"s3://headroom-lake-123456789012-us-east-1\"",
    ] : contains(split("\n", aws_s3_object.settings[0].content), line)])
    error_message = "managed Airflow finds the settings beside its DAGs: ${aws_s3_object.settings[0].content}"
  }

  assert {
    condition     = aws_mwaa_environment.this[0].webserver_access_mode == "PRIVATE_ONLY" && aws_mwaa_environment.this[0].airflow_version == "3.3.1"
    error_message = "MWAA's page is private, its version the variable's"
  }

  assert {
    condition     = length(aws_ecs_service.airflow) == 0 && !contains(keys(aws_db_instance.this), "airflow")
    error_message = "MWAA brings its own services and database"
  }

  assert {
    condition     = toset(keys(aws_ecs_task_definition.step)) == toset(["ingest", "transform", "trainer", "publisher"])
    error_message = "steps still run in containers of their own, under their own roles"
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.mwaa[0].policy).Statement :
      !anytrue([for resource in flatten([statement.Resource]) : startswith(resource, "arn:aws:s3:::headroom-lake")])
    ])
    error_message = "MWAA itself has no right to the lake"
  }

  assert {
    condition = (
      length(aws_nat_gateway.this) == 1 && aws_route.out["private"].nat_gateway_id == aws_nat_gateway.this[0].id &&
      { for rule in values(aws_vpc_security_group_egress_rule.out) : rule.cidr_ipv4 => rule.to_port if rule.security_group_id == aws_security_group.this["tasks"].id } == { "0.0.0.0/0" = 443 }
    )
    error_message = "where egress is nat, steps go out through a gateway, by HTTPS"
  }
}

run "network_that_is_there" {
  variables {
    vpc_id       = "vpc-0123456789abcdef0"
    subnet_ids   = ["subnet-00000000000000001", "subnet-00000000000000002"]
    egress       = "proxy"
    egress_proxy = "http://proxy.corp:3128"

    kms_key_arn        = "arn:aws:kms:us-east-1:123456789012:key/99999999-2222-3333-4444-555555555555"
    role_boundary_arn  = "arn:aws:iam::123456789012:policy/boundary"
    role_path          = "/data/headroom/"
    lake_formation     = true
    github_repository  = "acme/headroom"
    enable_audit_trail = true
    settings           = { sources = ["billing", "pricing"], options = { sources = { billing = { path = "s3://bills/export/" }, prometheus = { token_env = "PROMETHEUS_TOKEN" } } } }

    source_bucket_arns  = ["arn:aws:s3:::bills"]
    source_kms_key_arns = ["arn:aws:kms:eu-west-1:123456789012:key/77777777-2222-3333-4444-555555555555"]
    source_secrets = {
      PROMETHEUS_TOKEN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prometheus-a1B2c3:token::"
      TICKETS_TOKEN    = "arn:aws:ssm:eu-west-1:123456789012:parameter/tickets/token"
    }
    source_secret_kms_key_arns = ["arn:aws:kms:eu-west-1:123456789012:key/88888888-2222-3333-4444-555555555555"]
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.this["ingest"].policy).Statement : statement if statement.Sid == "DecryptSources"] == [{
      Sid       = "DecryptSources", Effect = "Allow", Action = "kms:Decrypt", Resource = ["arn:aws:kms:eu-west-1:123456789012:key/77777777-2222-3333-4444-555555555555"],
      Condition = { StringEquals = { "kms:ViaService" = ["s3.eu-west-1.amazonaws.com"] } },
    }]
    error_message = "ingest decrypts what lies in source buckets with the keys that were named, through S3 alone"
  }

  assert {
    condition = (
      toset(jsondecode(aws_ecs_task_definition.step["ingest"].container_definitions)[0].secrets) == toset([for name, arn in var.source_secrets : { name = name, valueFrom = arn }]) &&
      alltrue([for role, it in aws_ecs_task_definition.step : role == "ingest" || !strcontains(it.container_definitions, "prometheus-a1B2c3")])
    )
    error_message = "ingest's container, and no other, is given the secrets of sources"
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.start[0].policy).Statement : statement.Sid => statement.Resource if strcontains(statement.Sid, "Source") } == {
      HandOverSourceSecrets    = ["arn:aws:secretsmanager:us-east-1:123456789012:secret:prometheus-a1B2c3"]
      HandOverSourceParameters = ["arn:aws:ssm:eu-west-1:123456789012:parameter/tickets/token"]
      DecryptSourceSecrets     = ["arn:aws:kms:eu-west-1:123456789012:key/88888888-2222-3333-4444-555555555555"]
    }
    error_message = "who starts a container reads exactly the secrets that were named"
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.start[0].policy).Statement : statement.Condition if statement.Sid == "DecryptSourceSecrets"] == [
      { StringEquals = { "kms:ViaService" = ["secretsmanager.eu-west-1.amazonaws.com", "ssm.eu-west-1.amazonaws.com"] } }
    ]
    error_message = "a secret of another region is decrypted there"
  }

  assert {
    condition = (
      length(aws_vpc.this) + length(aws_subnet.private) + length(aws_route_table.private) + length(aws_vpc_endpoint.s3) + length(aws_vpc_endpoint.interface)
      + length(aws_default_security_group.this) + length(aws_flow_log.this) + length(aws_iam_role.flow_log) + length(aws_nat_gateway.this) == 0
    )
    error_message = "nothing of a network is made where one is there"
  }

  assert {
    condition = alltrue([for service in concat(values(aws_ecs_service.airflow), aws_ecs_service.mlflow) :
      toset(service.network_configuration[0].subnets) == toset(["subnet-00000000000000001", "subnet-00000000000000002"])
    ]) && output.run_task.subnets == var.subnet_ids && aws_db_subnet_group.this[0].subnet_ids == toset(var.subnet_ids)
    error_message = "services, steps and databases are in the subnets that were named"
  }

  assert {
    condition     = alltrue([for group in values(aws_security_group.this) : group.vpc_id == "vpc-0123456789abcdef0"]) && aws_service_discovery_private_dns_namespace.this[0].vpc == "vpc-0123456789abcdef0"
    error_message = "groups and names are in the network that was named"
  }

  assert {
    condition = (
      alltrue([for rule in values(aws_vpc_security_group_egress_rule.endpoints) : rule.cidr_ipv4 == "172.20.0.0/16" && rule.to_port == 443]) &&
      toset(keys(aws_vpc_security_group_egress_rule.endpoints)) == toset(["tasks", "mlflow", "airflow"]) &&
      alltrue([for rule in values(aws_vpc_security_group_egress_rule.s3) : rule.prefix_list_id == "pl-00000000000000001"])
    )
    error_message = "endpoints are reached inside the network, S3 by its prefix list"
  }

  assert {
    condition = (
      alltrue([for rule in values(aws_vpc_security_group_egress_rule.out) : rule.to_port == 3128 && rule.cidr_ipv4 != "0.0.0.0/0"]) &&
      contains(jsondecode(aws_ecs_task_definition.step["ingest"].container_definitions)[0].environment, { name = "HTTPS_PROXY", value = "http://proxy.corp:3128" }) &&
      anytrue([for each in jsondecode(aws_ecs_task_definition.step["ingest"].container_definitions)[0].environment : each.name == "NO_PROXY" && strcontains(each.value, ".amazonaws.com")])
    )
    error_message = "steps reach the proxy and nothing beyond it, and AWS past it"
  }

  assert {
    condition = alltrue([for role in concat(
      values(aws_iam_role.this), values(aws_iam_role.airflow), aws_iam_role.ci, aws_iam_role.database_monitoring, aws_iam_role.mlflow, aws_iam_role.start
    ) : role.path == "/data/headroom/" && role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"])
    error_message = "every role has the path and the boundary that were named"
  }

  assert {
    condition = (
      toset([for grant, it in aws_lakeformation_permissions.tables : grant if contains(it.permissions, "INSERT")]) == toset(["transform/silver", "publisher/silver", "publisher/gold"]) &&
      toset([for grant, it in aws_lakeformation_permissions.tables : grant if !contains(it.permissions, "INSERT")]) == toset([
        "transform/bronze", "transform/views", "trainer/silver", "trainer/gold", "trainer/views", "publisher/bronze", "publisher/views",
        "analyst/silver", "analyst/gold", "analyst/views",
      ]) &&
      alltrue([for it in values(aws_lakeformation_permissions.tables) : length(it.permissions_with_grant_option) == 0 || it.permissions_with_grant_option == null]) &&
      toset([for role, it in aws_iam_role_policy.this : role if strcontains(it.policy, "lakeformation:GetDataAccess")]) == toset(["transform", "trainer", "publisher", "analyst"])
    )
    error_message = "Lake Formation grants each role what IAM does, and nobody the right to grant"
  }

  assert {
    condition = (
      length(aws_kms_key.this) + length(aws_kms_alias.this) == 0 &&
      alltrue([for group in values(aws_cloudwatch_log_group.this) : group.kms_key_id == var.kms_key_arn]) &&
      alltrue([for it in values(aws_db_instance.this) : it.kms_key_id == var.kms_key_arn]) &&
      alltrue([for bucket, it in aws_s3_bucket_server_side_encryption_configuration.this :
        bucket == "audit" || one(one(it.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
      ]) &&
      alltrue([for statement in jsondecode(aws_iam_role_policy.this["ingest"].policy).Statement : statement.Resource == var.kms_key_arn if statement.Sid == "EncryptLake"])
    )
    error_message = "a key that is there encrypts everything, and none is made"
  }

  assert {
    condition     = jsondecode(output.settings.HEADROOM_OPTIONS).sources.billing == { path = "s3://bills/export/", s3_region = "us-east-1" }
    error_message = "who reads S3 asks this region"
  }
}

run "lake_only" {
  variables {
    name          = "trial"
    database      = "trial"
    orchestrator  = "none"
    enable_mlflow = false
    enable_budget = false
  }

  assert {
    condition     = length(aws_vpc.this) == 0 && length(aws_ecs_cluster.this) == 0 && length(aws_db_instance.this) == 0 && length(aws_secretsmanager_secret.this) == 0
    error_message = "a lake alone needs no network, cluster, database or secret"
  }

  assert {
    condition     = output.settings.HEADROOM_LAKE == "s3://trial-lake-123456789012-us-east-1" && !contains(keys(output.settings), "HEADROOM_MLFLOW_URI")
    error_message = "the settings name the trial's lake and no MLflow server"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.failed_task) == 0 && length(aws_cloudwatch_event_rule.killed_container) == 0
    error_message = "nobody is warned of what cannot happen"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.monitor) == 0 && length(aws_s3_bucket_metric.monitor) == 0
    error_message = "a monitor that nobody switched on is not missed"
  }

  assert {
    condition     = toset(keys(aws_iam_role.this)) == toset(["ingest", "transform", "trainer", "publisher", "analyst"])
    error_message = "the roles exist without anything that runs under them"
  }

  assert {
    condition     = length(aws_lakeformation_permissions.tables) + length(aws_lakeformation_permissions.database) + length(aws_lakeformation_permissions.catalog) == 0 && !anytrue([for it in values(aws_iam_role_policy.this) : strcontains(it.policy, "lakeformation")])
    error_message = "without Lake Formation nothing is granted there"
  }
}

run "in_china" {
  command = plan

  override_data {
    target = data.aws_partition.this
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }

  variables {
    region         = "cn-north-1"
    source_secrets = { TICKETS_TOKEN = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/tickets/token" }
  }

  assert {
    condition = aws_vpc_endpoint.s3[0].service_name == "com.amazonaws.cn-north-1.s3" && toset([for it in values(aws_vpc_endpoint.interface) : it.service_name]) == toset(concat(
      [for service in ["athena", "ec2", "ecr.api", "ecr.dkr", "monitoring", "rds", "sqs", "sts"] : "cn.com.amazonaws.cn-north-1.${service}"],
      [for service in ["ecs", "elasticloadbalancing", "glue", "kms", "logs", "secretsmanager", "ssm"] : "com.amazonaws.cn-north-1.${service}"],
    ))
    error_message = "China's interface endpoints have the names that they have there, and S3's gateway has its own"
  }
}

# ---------------------------------------------------------------- what is refused

run "bad_values_are_refused" {
  command = plan

  variables {
    airflow_config             = { "core.parallelism" = "8" }
    airflow_version            = "2.10.5"
    alert_emails               = ["oncall"]
    analyst_layers             = ["platinum"]
    analyst_principal_arns     = ["*"]
    athena_scan_limit_gib      = { analyst = 0 }
    aws_endpoint_url           = "127.0.0.1:5000"
    backup_bucket_arn          = "acme-backup"
    bronze_infrequent_days     = 7
    client_cidrs               = ["0.0.0.0/0"]
    database                   = "9lives"
    database_instance_class    = "t4g.small"
    egress                     = "tunnel"
    egress_ports               = [0]
    egress_proxy               = "proxy.corp"
    egress_proxy_cidrs         = ["here"]
    github_branch              = "*"
    github_oidc_provider_arn   = "github"
    github_repository          = "acme"
    image_tag                  = "latest"
    interface_endpoints        = ["athena"]
    kms_key_arn                = "alias/ours"
    log_retention_days         = 42
    monitor_missed_runs        = 2
    monthly_budget_usd         = 0
    mwaa_environment_class     = "m5.large"
    mwaa_plugins_version       = "the newest"
    name                       = "Headroom_"
    noncurrent_days            = 0
    operator_principal_arns    = ["arn:aws:iam::123456789012:group/operators"]
    orchestrator               = "cron"
    region                     = "Frankfurt"
    reports_days               = 1
    results_days               = 0
    role_boundary_arn          = "ours"
    role_path                  = "ours"
    route_secrets              = { AWS_TOKEN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack-a1B2c3" }
    alert_subscriptions        = [{ protocol = "pigeon", endpoint = "roof" }]
    secret_seed                = "guess me"
    secret_version             = 1.5
    settings                   = { sources = "cloudwatch" }
    source_bucket_arns         = ["arn:aws:s3:::*"]
    source_kms_key_arns        = ["alias/theirs"]
    source_secrets             = { HEADROOM_LAKE = "arn:aws:secretsmanager:us-east-1:123456789012:secret:lake-a1B2c3" }
    source_secret_kms_key_arns = ["*"]
    source_role_arns           = ["arn:aws:iam::123456789012:role/*"]
    stale_after_hours          = 1000
    step_sizes                 = { ingest = { cpu = 1000, memory = 2000 } }
    tags                       = { "aws:owner" = "us" }
    vpc_cidr                   = "10.0.0.0/30"
    vpc_id                     = "mine"
    watched_tables             = ["platinum/forecast"]
  }

  expect_failures = [
    var.airflow_config, var.airflow_version, var.alert_emails, var.alert_subscriptions, var.analyst_layers, var.analyst_principal_arns,
    var.athena_scan_limit_gib, var.aws_endpoint_url, var.backup_bucket_arn, var.bronze_infrequent_days, var.client_cidrs, var.database,
    var.database_instance_class, var.egress, var.egress_ports, var.egress_proxy, var.egress_proxy_cidrs, var.github_branch, var.github_oidc_provider_arn, var.github_repository, var.image_tag,
    var.interface_endpoints, var.kms_key_arn, var.log_retention_days, var.monitor_missed_runs, var.monthly_budget_usd, var.mwaa_environment_class, var.mwaa_plugins_version,
    var.name, var.noncurrent_days, var.operator_principal_arns, var.orchestrator, var.region, var.reports_days, var.results_days,
    var.role_boundary_arn, var.role_path, var.route_secrets, var.secret_seed, var.secret_version, var.settings, var.source_bucket_arns, var.source_kms_key_arns, var.source_role_arns, var.source_secret_kms_key_arns, var.source_secrets, var.stale_after_hours,
    var.step_sizes, var.tags, var.vpc_cidr, var.vpc_id, var.watched_tables,
  ]
}

# Each is judged beside another, and only where that one is good.
run "values_that_do_not_go_together_are_refused" {
  command = plan

  variables {
    backup_kms_key_arn  = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    bronze_archive_days = 100
    subnet_ids          = ["subnet-00000000000000001"]
  }

  expect_failures = [var.backup_kms_key_arn, var.bronze_archive_days, var.subnet_ids]
}

run "sources_of_the_internet_are_refused_without_a_way_out" {
  command = plan

  variables {
    settings = { sources = ["cloudwatch", "prometheus"], options = { sources = { prometheus = { url = "https://prometheus.example.com" } } } }
  }

  expect_failures = [terraform_data.egress]
}

run "what_the_endpoints_do_not_reach_is_not_described_and_refused_where_it_is_asked_for" {
  command = plan

  variables {
    settings = { options = { sources = { inventory = { services = ["ec2", "dynamodb"] } } } }
  }

  expect_failures = [terraform_data.egress]
}

run "a_proxy_without_an_address_is_refused" {
  command = plan

  variables {
    egress = "proxy"
  }

  expect_failures = [terraform_data.egress]
}

run "a_token_that_no_container_has_is_refused" {
  command = plan

  variables {
    egress   = "nat"
    settings = { sources = ["prometheus"], options = { sources = { prometheus = { url = "https://prometheus.example.com", token_env = "PROMETHEUS_TOKEN" } } } }
  }

  expect_failures = [terraform_data.settings]
}

run "settings_that_the_pipeline_does_not_have_are_refused" {
  command = plan

  variables {
    settings = { shard = 4, lake = "s3://mine", options = { sources = { cloudwatch = { period = 60 } } } }
  }

  expect_failures = [terraform_data.settings]
}

run "a_log_folder_that_no_container_may_write_to_is_refused" {
  command = plan

  variables {
    settings = { log_dir = "/opt/headroom/logs" }
  }

  expect_failures = [terraform_data.settings]
}

run "settings_out_of_the_pipelines_bounds_are_refused" {
  command = plan

  variables {
    settings = { sources = ["cloudwach"], shards = "many", options = { sources = { cloudwatch = { period_s = 1 } } } }
  }

  expect_failures = [terraform_data.settings]
}
