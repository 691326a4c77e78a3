# Who may do what. Every step runs under one of four roles; its own declaration in pipeline/steps says which.
#
#              bronze        silver        gold                    reports      models       Athena
#   ingest     put once; lists and adds to the ledger of landings, and nothing else of the lake
#   transform  read          read, write                           put checks                pipeline
#   trainer                  read          read                                 read, write  pipeline
#   publisher  read          read, write   read, write             write        read         pipeline   publishes to the alerts topic
#   analyst                  read          read                    read                      analyst
#
# All four put bronze.run_event, the record of how a step went. Who answers recommendations, or accepts a bill, assumes the publisher's
# role, which reads them: it puts bronze.recommendation_answer and bronze.feedback_event once, and adds that to the ledger. The publisher
# writes silver because maintenance compacts both layers.
# Only the publisher writes gold: what transform and trainer measure reaches it through silver.check_result and the registry. Nobody
# deletes an object's older versions.

locals {
  glue_catalog  = "${local.arn.glue}:catalog"
  glue_database = { for layer in concat(local.layers, ["views"]) : layer => "${local.arn.glue}:database/${var.database}_${layer}" }
  glue_tables   = { for layer in concat(local.layers, ["views"]) : layer => "${local.arn.glue}:table/${var.database}_${layer}" }
  workgroup_arn = { for group, _ in local.workgroups : group => "${local.arn.athena}:workgroup/${var.name}-${group}" }

  via_s3 = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }

  # ------------------------------------------------------------ what a statement lets one do

  see_catalog = { for layer in concat(local.layers, ["views"]) : layer => [{
    Sid      = "SeeCatalogOf${title(layer)}"
    Effect   = "Allow"
    Action   = ["glue:BatchGetPartition", "glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
    Resource = [local.glue_catalog, local.glue_database[layer], "${local.glue_tables[layer]}/*"]
  }] }

  read = { for layer in local.layers : layer => concat(local.see_catalog[layer], [
    {
      Sid      = "Read${title(layer)}"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "${local.bucket_arn.lake}/${layer}/*"
    },
    {
      Sid       = "List${title(layer)}"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = local.bucket_arn.lake
      Condition = { StringLike = { "s3:prefix" = [layer, "${layer}/*"] } }
    },
  ]) }

  read_lake = [
    { Sid = "FindLake", Effect = "Allow", Action = "s3:GetBucketLocation", Resource = local.bucket_arn.lake },
    { Sid = "DecryptLake", Effect = "Allow", Action = "kms:Decrypt", Resource = local.key_arn["lake"], Condition = local.via_s3 },
  ]

  encrypt_lake = [
    { Sid = "EncryptLake", Effect = "Allow", Action = "kms:GenerateDataKey", Resource = local.key_arn["lake"], Condition = local.via_s3 },
  ]

  # Deleting hides an object; with versioning, noncurrent_days bring it back. CreateDatabase: the catalog's client always asks.
  write = { for layer in ["silver", "gold"] : layer => [
    {
      Sid      = "Write${title(layer)}"
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
      Resource = "${local.bucket_arn.lake}/${layer}/*"
    },
    {
      Sid      = "Commit${title(layer)}"
      Effect   = "Allow"
      Action   = ["glue:CreateDatabase", "glue:CreateTable", "glue:UpdateTable"]
      Resource = [local.glue_catalog, local.glue_database[layer], "${local.glue_tables[layer]}/*"]
    },
  ] }

  # A new object or nothing: what was landed cannot be replaced.
  put_once = { for what, paths in {
    Answer   = [for path in setproduct(["bronze", "ledger"], ["feedback_event", "recommendation_answer"]) : "${join("/", path)}/*"]
    Bronze   = ["bronze/*"]
    Ledger   = ["ledger/*"]
    RunEvent = ["bronze/run_event/*"]
    } : what => [{
      Sid       = "Put${what}Once"
      Effect    = "Allow"
      Action    = "s3:PutObject"
      Resource  = [for path in paths : "${local.bucket_arn.lake}/${path}"]
      Condition = { Null = { "s3:if-none-match" = "false" } }
  }] }

  # The names of the ledger's events say all that a landing has to know.
  list_ledger = [{
    Sid       = "ListLedger"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = local.bucket_arn.lake
    Condition = { StringLike = { "s3:prefix" = ["ledger", "ledger/*"] } }
  }]

  # What people open of a run. Checks are written where a table is built; pages about them also where one of them stops the run.
  read_reports = [
    { Sid = "ReadReports", Effect = "Allow", Action = "s3:GetObject", Resource = "${local.bucket_arn.lake}/reports/*" },
    {
      Sid       = "ListReports"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = local.bucket_arn.lake
      Condition = { StringLike = { "s3:prefix" = ["reports", "reports/*"] } }
    },
  ]

  write_checks = [
    {
      Sid      = "WriteChecks"
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = ["${local.bucket_arn.lake}/reports/*/validations/*", "${local.bucket_arn.lake}/reports/*/data_docs/*"]
    },
  ]

  # Deleting: what the newest run before had and this one has not.
  write_reports = [
    { Sid = "WriteReports", Effect = "Allow", Action = "s3:PutObject", Resource = "${local.bucket_arn.lake}/reports/*" },
    { Sid = "TidyNewest", Effect = "Allow", Action = "s3:DeleteObject", Resource = "${local.bucket_arn.lake}/reports/latest/*" },
  ]

  query = { for group, arn in local.workgroup_arn : group => [
    {
      Sid    = "Query"
      Effect = "Allow"
      Action = [
        "athena:BatchGetNamedQuery", "athena:BatchGetQueryExecution", "athena:GetNamedQuery", "athena:GetQueryExecution",
        "athena:GetQueryResults", "athena:GetQueryResultsStream", "athena:GetWorkGroup", "athena:ListNamedQueries",
        "athena:ListQueryExecutions", "athena:StartQueryExecution", "athena:StopQueryExecution",
      ]
      Resource = arn
    },
    {
      Sid      = "QueryResults"
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
      Resource = "${local.bucket_arn.results}/${group}/*"
    },
    {
      Sid       = "ListQueryResults"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = local.bucket_arn.results
      Condition = { StringLike = { "s3:prefix" = "${group}/*" } }
    },
    { Sid = "FindQueryResults", Effect = "Allow", Action = "s3:GetBucketLocation", Resource = local.bucket_arn.results },
  ] }

  read_models = [
    { Sid = "ReadModels", Effect = "Allow", Action = "s3:GetObject", Resource = "${local.bucket_arn.mlflow}/*" },
    { Sid = "ListModels", Effect = "Allow", Action = ["s3:GetBucketLocation", "s3:ListBucket"], Resource = local.bucket_arn.mlflow },
    { Sid = "DecryptModels", Effect = "Allow", Action = "kms:Decrypt", Resource = local.key_arn["mlflow"], Condition = local.via_s3 },
  ]

  write_models = [
    { Sid = "WriteModels", Effect = "Allow", Action = ["s3:AbortMultipartUpload", "s3:PutObject"], Resource = "${local.bucket_arn.mlflow}/*" },
    { Sid = "EncryptModels", Effect = "Allow", Action = "kms:GenerateDataKey", Resource = local.key_arn["mlflow"], Condition = local.via_s3 },
  ]

  # What people are told; the topic is encrypted, and SNS asks for the key on behalf of who publishes.
  tell_people = [
    { Sid = "TellPeople", Effect = "Allow", Action = "sns:Publish", Resource = "${local.arn.sns}:${var.name}-alerts" },
    {
      Sid       = "EncryptAlerts"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = local.key_arn["topics"]
      Condition = { StringEquals = { "kms:ViaService" = "sns.${var.region}.amazonaws.com" } }
    },
  ]

  write_task_log = [
    {
      Sid      = "WriteTaskLog"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${local.log_group_arn.task}:*"
    },
    # Airflow's log client looks whether the group is there, and where it may not look tries to create it.
    { Sid = "FindTaskLog", Effect = "Allow", Action = "logs:DescribeLogGroups", Resource = "${local.arn.logs}:log-group:*" },
  ]

  # What ingest reads of the estate. Most of these APIs know no resource to name.
  look_at_estate = concat(
    [{
      Sid    = "LookAtEstate"
      Effect = "Allow"
      # RDS shows a database's tags to those who may list them.
      Action = [
        "application-autoscaling:DescribeScalingPolicies", "autoscaling:DescribeAutoScalingGroups",
        "cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "dynamodb:DescribeTable", "dynamodb:ListTables",
        "ec2:DescribeAddresses", "ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeNatGateways", "ec2:DescribeSnapshots",
        "ec2:DescribeVolumes", "ecs:DescribeServices", "ecs:DescribeTaskDefinition", "ecs:ListClusters", "ecs:ListServices",
        "elasticache:DescribeCacheClusters", "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
        "lambda:ListFunctions", "memorydb:DescribeClusters",
        "pricing:GetPriceListFileUrl", "pricing:ListPriceLists", "rds:DescribeDBInstances", "rds:ListTagsForResource",
        "sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig", "sagemaker:ListEndpoints",
        "workspaces:DescribeWorkspaces", "workspaces:DescribeWorkspacesConnectionStatus",
      ]
      Resource = "*"
    }],
    [{
      # What buckets are set to, never what is in them.
      Sid      = "LookAtBuckets"
      Effect   = "Allow"
      Action   = ["s3:GetLifecycleConfiguration", "s3:GetMetricsConfiguration", "s3:ListAllMyBuckets", "s3:ListBucketMultipartUploads"]
      Resource = "*"
    }],
    length(var.source_role_arns) == 0 ? [] : [{
      Sid = "LookAtOtherAccounts", Effect = "Allow", Action = "sts:AssumeRole", Resource = sort(var.source_role_arns)
    }],
    length(var.source_bucket_arns) == 0 ? [] : [{
      Sid      = "ReadSources"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:ListBucket"]
      Resource = flatten([for arn in sort(var.source_bucket_arns) : [arn, "${arn}/*"]])
    }],
    length(var.source_kms_key_arns) == 0 ? [] : [{
      Sid       = "DecryptSources"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = sort(var.source_kms_key_arns)
      Condition = { StringEquals = { "kms:ViaService" = distinct([for arn in sort(var.source_kms_key_arns) : "s3.${split(":", arn)[3]}.amazonaws.com"]) } }
    }],
  )

  # ------------------------------------------------------------ who gets which

  permissions = {
    ingest = concat(local.put_once.Bronze, local.put_once.Ledger, local.list_ledger, local.encrypt_lake, local.look_at_estate, local.write_task_log)

    transform = concat(
      local.read.bronze, local.read.silver, local.see_catalog.views, local.read_lake, local.write.silver, local.read_reports,
      local.write_checks, local.put_once.RunEvent, local.encrypt_lake, local.query.pipeline, local.write_task_log,
    )

    trainer = concat(
      local.read.silver, local.read.gold, local.see_catalog.views, local.read_lake, local.put_once.RunEvent, local.encrypt_lake,
      local.query.pipeline, local.read_models, local.write_models, local.write_task_log,
    )

    publisher = concat(
      local.read.bronze, local.read.silver, local.read.gold, local.see_catalog.views, local.read_lake, local.write.silver,
      local.write.gold, local.read_reports, local.write_reports, local.put_once.RunEvent, local.put_once.Answer, local.list_ledger,
      local.encrypt_lake, local.query.pipeline, local.read_models, local.tell_people, local.write_task_log,
    )

    analyst = concat(
      flatten([for layer in local.layers : local.read[layer] if contains(var.analyst_layers, layer)]), local.see_catalog.views,
      local.read_reports, local.read_lake, local.encrypt_lake, local.query.analyst,
    )
  }

  trusted = { for role, _ in local.permissions : role => concat(
    role == "analyst" ? [] : [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnLike      = { "aws:SourceArn" = "${local.arn.ecs}:*" }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }],
    role == "analyst" && length(var.analyst_principal_arns) == 0 ? [{
      # The account's own policies say who.
      Effect = "Allow", Principal = { AWS = local.root }, Action = "sts:AssumeRole"
    }] : [],
    [for arn in sort(role == "analyst" ? var.analyst_principal_arns : var.operator_principal_arns) : {
      Effect = "Allow", Principal = { AWS = arn }, Action = "sts:AssumeRole"
    }],
  ) }
}

resource "aws_iam_role" "this" {
  for_each = local.permissions

  name                 = "${var.name}-${each.key}"
  path                 = var.role_path
  permissions_boundary = local.role_boundary
  description          = "${var.name}: ${each.key}"
  max_session_duration = 3600
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = local.trusted[each.key] })
}

resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_290: the actions on "*" only look; CloudWatch, EC2, pricing and the like know no resource to name
  #checkov:skip=CKV_AWS_355: the actions on "*" only look, and know no resource to name
  for_each = local.permissions

  name = each.key
  role = aws_iam_role.this[each.key].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(each.value, contains(keys(local.reads), each.key) ? local.use_lake_formation : [])
  })
}
