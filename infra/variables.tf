# ---------------------------------------------------------------- where and what it is called

variable "name" {
  description = "Prefix of every resource's name."
  type        = string
  default     = "headroom"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name: 3 to 20 lower-case letters, digits and hyphens, starting with a letter."
  }
}

variable "region" {
  description = "AWS region of everything."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: an AWS region, such as eu-central-1."
  }
}

variable "database" {
  description = "Prefix of the Glue databases: <database>_bronze, _silver, _gold, _views."
  type        = string
  default     = "headroom"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,40}$", var.database))
    error_message = "database: lower-case letters, digits and underscores, starting with a letter, at most 41 characters."
  }
}

variable "tags" {
  description = "Tags on every resource, beside project."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 40 && alltrue([for name, value in var.tags : can(regex("^[^:]{1,128}$", name)) && name != "project" && length(value) <= 256])
    error_message = "tags: at most 40, without project and without names that contain a colon, values of at most 256 characters."
  }
}

variable "aws_endpoint_url" {
  description = "Another address for every AWS API, for emulators (export AWS_ENDPOINT_URL too); empty means AWS."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(https?://[^ ]+)?$", var.aws_endpoint_url))
    error_message = "aws_endpoint_url: an http(s) address, or empty."
  }
}

# ---------------------------------------------------------------- what it looks at, and how

variable "settings" {
  description = "The pipeline's settings, as in headroom.toml: sources, options of plugs (options.<folder>.<plug>.<option>), shards, horizons, thresholds. Names and bounds are the pipeline's own; without sources it reads this account's metrics and inventory and the shipped list prices."
  type        = any
  default     = {}

  validation {
    condition = can(keys(var.settings)) && can(join(",", try(var.settings.sources, []))) && can([
      for plugs in values(try(var.settings.options, {})) : [for options in values(plugs) : keys(options)]
    ])
    error_message = "settings: an object such as { sources = [\"cloudwatch\"], shards = 4, options = { sources = { cloudwatch = { period_s = 300 } } } }."
  }
}

# ---------------------------------------------------------------- the lake

variable "bronze_infrequent_days" {
  description = "Age in days at which bronze objects move to Standard-IA."
  type        = number
  default     = 90

  validation {
    condition     = var.bronze_infrequent_days >= 30
    error_message = "bronze_infrequent_days: S3 takes nothing into Standard-IA before 30 days."
  }
}

variable "bronze_archive_days" {
  description = "Age in days at which bronze objects move to Glacier Instant Retrieval, which Athena still reads."
  type        = number
  default     = 365

  validation {
    condition     = var.bronze_archive_days >= var.bronze_infrequent_days + 30
    error_message = "bronze_archive_days: at least 30 days after bronze_infrequent_days."
  }
}

variable "noncurrent_days" {
  description = "Days for which overwritten and deleted objects can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && var.noncurrent_days <= 3650
    error_message = "noncurrent_days: 1 to 3650."
  }
}

variable "reports_days" {
  description = "Days for which the report of each run is kept, with its recommendations and data docs."
  type        = number
  default     = 731

  validation {
    condition     = var.reports_days >= 31 && var.reports_days <= 3650
    error_message = "reports_days: 31 to 3650."
  }
}

variable "results_days" {
  description = "Days for which Athena's query results are kept."
  type        = number
  default     = 7

  validation {
    condition     = var.results_days >= 1 && var.results_days <= 365
    error_message = "results_days: 1 to 365."
  }
}

variable "backup_bucket_arn" {
  description = "Versioned bucket, best in another region or account, that every lake object is replicated to; empty means none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:s3:::[a-z0-9.-]{3,63})?$", var.backup_bucket_arn))
    error_message = "backup_bucket_arn: the ARN of a bucket, or empty."
  }
}

variable "backup_kms_key_arn" {
  description = "Key that the copies in the backup bucket are encrypted with."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:.+)?$", var.backup_kms_key_arn)) && (var.backup_kms_key_arn != "") == (var.backup_bucket_arn != "")
    error_message = "backup_kms_key_arn: the ARN of a KMS key where backup_bucket_arn is given, and empty otherwise."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete buckets, workgroups and images that are not empty. For trials only."
  type        = bool
  default     = false
}

variable "athena_scan_limit_gib" {
  description = "GiB that one query may scan before Athena cancels it, per workgroup."
  type = object({
    pipeline = optional(number, 100)
    analyst  = optional(number, 10)
  })
  default = {}

  validation {
    condition     = alltrue([for gib in values(var.athena_scan_limit_gib) : gib >= 0.01 && gib <= 7168])
    error_message = "athena_scan_limit_gib: 0.01 (Athena's least is 10 MB) to 7168 each."
  }
}

# ---------------------------------------------------------------- who may do what

variable "analyst_layers" {
  description = "Layers that analysts read beside the views. Athena checks whoever asks a view against the tables below it: most views need silver, two need bronze."
  type        = set(string)
  default     = ["silver", "gold"]

  validation {
    condition     = length(setsubtract(var.analyst_layers, ["bronze", "silver", "gold"])) == 0
    error_message = "analyst_layers: of bronze, silver and gold."
  }
}

variable "analyst_principal_arns" {
  description = "Who may assume the analyst role; none by default."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.analyst_principal_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|user/.+|role/.+)$", arn))])
    error_message = "analyst_principal_arns: ARNs of IAM users, roles or an account's root."
  }
}

variable "operator_principal_arns" {
  description = "Who may assume the pipeline's roles, to run a step by hand; none by default."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.operator_principal_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|user/.+|role/.+)$", arn))])
    error_message = "operator_principal_arns: ARNs of IAM users, roles or an account's root."
  }
}

variable "source_role_arns" {
  description = "Read-only roles in other accounts that ingest assumes to read their metrics and inventory."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.source_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "source_role_arns: ARNs of roles, without wildcards."
  }
}

variable "source_bucket_arns" {
  description = "Buckets whose objects sources read, such as load balancers' access logs; ingest reads them."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.source_bucket_arns : can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9.-]{3,63}$", arn))])
    error_message = "source_bucket_arns: ARNs of buckets."
  }
}

variable "source_kms_key_arns" {
  description = "Keys that objects in source_bucket_arns are encrypted with, where these are not AWS's own; ingest decrypts with them, through S3."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.source_kms_key_arns : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "source_kms_key_arns: ARNs of KMS keys (not of aliases)."
  }
}

variable "source_secrets" {
  description = "What sources are given in secret: by name of an environment variable, as in token_env, the ARN of a secret (whole, with the six characters at its end; `:<field>::` after it takes one field) or of an SSM parameter. Only ingest's container gets them."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([for name, arn in var.source_secrets :
      can(regex("^[A-Z][A-Z0-9_]*$", name)) && !can(regex("^(AIRFLOW|AWS|HEADROOM|MLFLOW)_", name)) &&
      can(regex("^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}(:[^:*]*:[^:*]*:[^:*]*)?|ssm:[a-z0-9-]+:[0-9]{12}:parameter/[A-Za-z0-9/_.-]+)$", arn))
    ])
    error_message = "source_secrets: { PROMETHEUS_TOKEN = \"arn:aws:secretsmanager:<region>:<account>:secret:<name>-<six characters>\" }, or the ARN of an SSM parameter; names of our own (HEADROOM_, AWS_, …) are taken."
  }
}

variable "route_secrets" {
  description = "What routes are given in secret, as source_secrets: by name of an environment variable, as in address_env, password_env and token_env of a notifier. Only publisher's container gets them."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([for name, arn in var.route_secrets :
      can(regex("^[A-Z][A-Z0-9_]*$", name)) && !can(regex("^(AIRFLOW|AWS|HEADROOM|MLFLOW)_", name)) &&
      can(regex("^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}(:[^:*]*:[^:*]*:[^:*]*)?|ssm:[a-z0-9-]+:[0-9]{12}:parameter/[A-Za-z0-9/_.-]+)$", arn))
    ])
    error_message = "route_secrets: { SLACK_ADDRESS = \"arn:aws:secretsmanager:<region>:<account>:secret:<name>-<six characters>\" }, or the ARN of an SSM parameter; names of our own (HEADROOM_, AWS_, …) are taken."
  }
}

variable "source_secret_kms_key_arns" {
  description = "Keys that source_secrets and route_secrets are encrypted with, where these are not AWS's own."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.source_secret_kms_key_arns : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "source_secret_kms_key_arns: ARNs of KMS keys (not of aliases)."
  }
}

variable "role_path" {
  description = "Path of every role that is made, as an organisation's rules may ask for."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9._+=,@-]+/)*$", var.role_path)) && length(var.role_path) <= 512
    error_message = "role_path: / or /a/path/, which begins and ends with a slash."
  }
}

variable "role_boundary_arn" {
  description = "Permissions boundary of every role that is made; empty means none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+)?$", var.role_boundary_arn))
    error_message = "role_boundary_arn: the ARN of a policy, or empty."
  }
}

variable "kms_key_arn" {
  description = "A key that is there, for everything that is encrypted; empty makes five. Its policy must let in the services of infra/keys.tf, and leave who of the account may use it to IAM."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.kms_key_arn))
    error_message = "kms_key_arn: the ARN of a KMS key (not of an alias), or empty."
  }
}

variable "lake_formation" {
  description = "Lake Formation governs the catalog: grant the roles what they need there, beside IAM. Who applies must be its administrator."
  type        = bool
  default     = false
}

variable "github_repository" {
  description = "owner/name of the repository whose workflows push the image; empty means no role for CI."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)?$", var.github_repository))
    error_message = "github_repository: owner/name, or empty."
  }
}

variable "github_branch" {
  description = "The branch whose workflows may push the image."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.github_branch))
    error_message = "github_branch: one branch, without wildcards."
  }
}

variable "github_oidc_provider_arn" {
  description = "The account's OIDC provider of GitHub, where it has one (an account can hold only one); empty creates it."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/.+)?$", var.github_oidc_provider_arn))
    error_message = "github_oidc_provider_arn: the ARN of an OIDC provider, or empty."
  }
}

# ---------------------------------------------------------------- what runs

variable "orchestrator" {
  description = "Who schedules: `ecs` (Airflow on Fargate, one container per task), `mwaa` (managed Airflow), or `none` (lake only; run steps from elsewhere)."
  type        = string
  default     = "ecs"

  validation {
    condition     = contains(["ecs", "mwaa", "none"], var.orchestrator)
    error_message = "orchestrator: ecs, mwaa or none."
  }
}

variable "airflow_version" {
  description = "Airflow of the MWAA environment. On ECS, requirements.txt decides."
  type        = string
  default     = "3.3.1"

  validation {
    condition     = can(regex("^3\\.([3-9]|[1-9][0-9])\\.[0-9]+$", var.airflow_version))
    error_message = "airflow_version: 3.3 or later; the DAGs' retry policies do not exist before."
  }
}

variable "airflow_config" {
  description = "More of Airflow's settings on ECS, as AIRFLOW__SECTION__KEY; not for secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.airflow_config) : can(regex("^AIRFLOW__[A-Z_]+__[A-Z_]+$", name))])
    error_message = "airflow_config: names such as AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY."
  }
}

variable "mwaa_environment_class" {
  description = "Size of the MWAA environment. Its workers only start containers, so the smallest will do."
  type        = string
  default     = "mw1.small"

  validation {
    condition     = can(regex("^mw1\\.(micro|small|medium|large|xlarge|2xlarge)$", var.mwaa_environment_class))
    error_message = "mwaa_environment_class: mw1.micro to mw1.2xlarge."
  }
}

variable "mwaa_plugins_version" {
  description = "Version of plugins.zip in the bucket of DAGs that MWAA is to take; null means the newest when it is made."
  type        = string
  default     = null

  validation {
    condition     = var.mwaa_plugins_version == null || can(regex("^[A-Za-z0-9._-]{1,1024}$", var.mwaa_plugins_version))
    error_message = "mwaa_plugins_version: the id of a version of an S3 object, or null."
  }
}

variable "enable_mlflow" {
  description = "Run an MLflow tracking server on Fargate."
  type        = bool
  default     = true
}

variable "image_tag" {
  description = "Tag of the image in ECR. Tags are immutable: every build has its own."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "image_tag: one build's own tag, not latest."
  }
}

variable "step_sizes" {
  description = "Fargate CPU units and MiB of memory of the steps' containers, by role."
  type = map(object({
    cpu    = number
    memory = number
  }))
  default = {
    ingest    = { cpu = 1024, memory = 4096 }
    transform = { cpu = 1024, memory = 4096 }
    trainer   = { cpu = 4096, memory = 16384 }
    publisher = { cpu = 2048, memory = 8192 }
  }

  validation {
    condition     = toset(keys(var.step_sizes)) == toset(["ingest", "transform", "trainer", "publisher"])
    error_message = "step_sizes: one entry each for ingest, transform, trainer and publisher."
  }

  validation {
    condition     = alltrue([for size in values(var.step_sizes) : contains([256, 512, 1024, 2048, 4096, 8192, 16384], size.cpu) && size.memory >= 2 * size.cpu && size.memory <= 8 * size.cpu])
    error_message = "step_sizes: Fargate takes 256 to 16384 CPU units with 2 to 8 MiB of memory for each."
  }
}

variable "database_instance_class" {
  description = "RDS class of the Postgres instances behind Airflow and MLflow."
  type        = string
  default     = "db.t4g.small"

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.database_instance_class))
    error_message = "database_instance_class: an RDS class, such as db.t4g.small."
  }
}

variable "multi_az" {
  description = "Keep a standby of each Postgres instance in a second zone."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Refuse to delete the Postgres instances, and take a last snapshot when it is switched off."
  type        = bool
  default     = true
}

variable "secret_seed" {
  description = "Random text that all passwords and keys are derived from: export TF_VAR_secret_seed=$(openssl rand -hex 32). Used when secret_version changes, ignored and forgotten otherwise."
  type        = string
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = length(var.secret_seed) >= 32
    error_message = "secret_seed: at least 32 characters, drawn at random."
  }
}

variable "secret_version" {
  description = "Raise it by one to derive new passwords and keys from the seed, also where a first apply broke off; restart the services afterwards."
  type        = number
  default     = 1

  validation {
    condition     = var.secret_version >= 1 && floor(var.secret_version) == var.secret_version
    error_message = "secret_version: 1, 2, 3, …"
  }
}

variable "vpc_id" {
  description = "A network that is there, with endpoints for interface_endpoints and S3 (or a way out), and DNS; empty makes one."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(vpc-[0-9a-f]+)?$", var.vpc_id))
    error_message = "vpc_id: the id of a VPC, or empty."
  }
}

variable "subnet_ids" {
  description = "Private subnets of vpc_id, in two zones or more."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))]) && (var.vpc_id == "" ? length(var.subnet_ids) == 0 : length(distinct(var.subnet_ids)) >= 2)
    error_message = "subnet_ids: two subnets or more where vpc_id is given, none otherwise."
  }
}

variable "egress" {
  description = "How steps reach what is not AWS, as the sources pricing, prometheus and http_json must: `none`, `nat` (a NAT gateway in a network of its own), `network` (vpc_id has a way out) or `proxy` (egress_proxy)."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "nat", "network", "proxy"], var.egress)
    error_message = "egress: none, nat, network or proxy."
  }
}

variable "egress_ports" {
  description = "Ports that steps reach outside by `nat` or `network`: 9090 for a Prometheus of one's own."
  type        = set(number)
  default     = [443]

  validation {
    condition     = alltrue([for port in var.egress_ports : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "egress_ports: 1 to 65535."
  }
}

variable "egress_proxy" {
  description = "Address of the HTTP proxy of egress = proxy, with its port and without a password: http://proxy.corp:3128."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(https?://[^:/@ ]+:[0-9]{1,5})?$", var.egress_proxy))
    error_message = "egress_proxy: http(s)://host:port, or empty."
  }
}

variable "egress_proxy_cidrs" {
  description = "Where the proxy is; steps reach its port there and nothing else."
  type        = set(string)
  default     = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]

  validation {
    condition     = alltrue([for cidr in var.egress_proxy_cidrs : can(cidrhost(cidr, 0))])
    error_message = "egress_proxy_cidrs: CIDR blocks."
  }
}

variable "vpc_cidr" {
  description = "Address range of the network that is made."
  type        = string
  default     = "10.40.0.0/20"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 4, 15))
    error_message = "vpc_cidr: a CIDR block with room for 16 subnets, such as 10.40.0.0/20."
  }
}

variable "client_cidrs" {
  description = "Ranges of peered networks or VPNs whose people reach the web pages of Airflow (8080) and MLflow (5000)."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.client_cidrs : can(cidrhost(cidr, 0)) && cidr != "0.0.0.0/0"])
    error_message = "client_cidrs: CIDR blocks, not the whole internet."
  }
}

variable "interface_endpoints" {
  description = "AWS services that tasks reach through the private network, beside S3."
  type        = set(string)
  default = [
    "athena", "ec2", "ecr.api", "ecr.dkr", "ecs", "elasticloadbalancing", "glue", "kms", "logs", "monitoring", "rds",
    "secretsmanager", "sqs", "sts",
  ]

  validation {
    condition     = length(setsubtract(["athena", "ecr.api", "ecr.dkr", "ecs", "glue", "kms", "logs", "secretsmanager", "sts"], var.interface_endpoints)) == 0
    error_message = "interface_endpoints: without athena, ecr.api, ecr.dkr, ecs, glue, kms, logs, secretsmanager and sts no step runs."
  }
}

# ---------------------------------------------------------------- watching it

variable "alert_emails" {
  description = "Addresses that operations' alarms and the budget's warnings are sent to; each must confirm."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", address))])
    error_message = "alert_emails: e-mail addresses."
  }
}

variable "alert_subscriptions" {
  description = "Who is told of what the pipeline finds, by the topic <name>-alerts: protocol and endpoint as in SNS, of all severities or of some. With one there is the route `topic` beside those of settings.routes."
  type = set(object({
    protocol   = string
    endpoint   = string
    severities = optional(set(string), [])
  }))
  default = []

  validation {
    condition = alltrue([for one in var.alert_subscriptions :
      contains(["email", "email-json", "https", "lambda", "sms", "sqs"], one.protocol) && one.endpoint != "" &&
      length(setsubtract(one.severities, ["critical", "warning", "info"])) == 0
    ])
    error_message = "alert_subscriptions: [{ protocol = \"email\", endpoint = \"oncall@example.com\", severities = [\"critical\"] }]; protocols are email, email-json, https, lambda, sms and sqs, severities critical, warning and info."
  }
}

variable "watched_tables" {
  description = "Tables that must be written every day, as layer/table. Each costs CloudWatch's price of 16 metrics."
  type        = set(string)
  default     = ["silver/metric_hourly", "gold/forecast", "gold/recommendation"]

  validation {
    condition     = alltrue([for table in var.watched_tables : can(regex("^(bronze|silver|gold)/[a-z][a-z0-9_]*$", table))])
    error_message = "watched_tables: layer/table, as in gold/forecast."
  }
}

variable "stale_after_hours" {
  description = "Hours without a write after which a watched table is stale."
  type        = number
  default     = 30

  validation {
    condition     = var.stale_after_hours >= 2 && var.stale_after_hours <= 168 && floor(var.stale_after_hours) == var.stale_after_hours
    error_message = "stale_after_hours: 2 to 168, whole hours."
  }
}

variable "monitor_missed_runs" {
  description = "Runs of the DAG monitor in a row without a sign of life that are an alarm; S3 counts a put up to a quarter of an hour late."
  type        = number
  default     = 6

  validation {
    condition     = var.monitor_missed_runs >= 3 && var.monitor_missed_runs <= 24 && floor(var.monitor_missed_runs) == var.monitor_missed_runs
    error_message = "monitor_missed_runs: 3 to 24, whole runs."
  }
}

variable "enable_budget" {
  description = "Warn at 80 % and at a forecast of 100 % of monthly_budget_usd."
  type        = bool
  default     = true
}

variable "monthly_budget_usd" {
  description = "What the resources tagged project = <name> may cost in a month. The tag must be activated for cost allocation."
  type        = number
  default     = 300

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd: more than 0."
  }
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days: one of the periods that CloudWatch Logs knows, such as 30, 90 or 365."
  }
}

variable "enable_audit_trail" {
  description = "Record who read and wrote each object of the lake (CloudTrail data events, charged per event)."
  type        = bool
  default     = false
}
