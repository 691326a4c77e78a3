# What the pipeline is told, once, for every place where it is read: the steps' containers and Airflow's services (environment),
# managed Airflow's own reading of the DAGs (a file beside them), and whoever runs it elsewhere (the outputs).
locals {
  # Written by tools/declared_settings.py from the pipeline's declarations: the names, and what each may be.
  declared = jsondecode(file("${path.module}/settings.json"))

  sources = try(var.settings.sources, ["cloudwatch", "inventory", "prices"])
  options = try(var.settings.options, {})

  # Without a way out the inventory describes what the network's endpoints reach, unless told otherwise: a service that does not
  # answer would land nothing of anywhere.
  is_closed = local.has_network && var.egress == "none"
  asks = {
    lambda     = ["lambda"], dynamodb = ["dynamodb"], elasticache = ["elasticache"], memorydb = ["memory-db"], rds = ["rds"],
    workspaces = ["workspaces"], sagemaker = ["sagemaker.api"], ecs = ["ecs", "application-autoscaling"], autoscaling = ["autoscaling"],
    elb        = ["elasticloadbalancing"], ec2 = ["ec2"], ebs = ["ec2"], "ebs-snapshot" = ["ec2"], nat = ["ec2"], address = ["ec2"], s3 = [],
  }
  reached = [for service in local.declared["options.sources.inventory.services"].words : service
    if length(setsubtract(try(local.asks[service], ["unknown"]), var.interface_endpoints)) == 0
  ]
  unreached = !local.is_closed ? [] : sort(setsubtract(try(local.options.sources.inventory.services, []), local.reached))

  # A source that asks AWS, or S3, asks this region, unless told otherwise.
  regions = { for source in local.sources : source => merge(
    contains(keys(local.declared), "options.sources.${source}.regions") ? { regions = [var.region] } : {},
    contains(keys(local.declared), "options.sources.${source}.s3_region") ? { s3_region = var.region } : {},
    source == "inventory" && local.is_closed ? { services = local.reached } : {},
    try(local.options.sources[source], {}),
    ) if length(setintersection(keys(local.declared), ["options.sources.${source}.regions", "options.sources.${source}.s3_region"])) > 0
  }

  # Whoever subscribes to the topic is told; other routes are the settings' own.
  routes = merge(
    length(var.alert_subscriptions) == 0 ? {} : { topic = { notifier = "sns", options = { topic_arn = aws_sns_topic.alerts.arn } } },
    try(var.settings.routes, {}),
  )

  # What Terraform decides is not in the list of declared names, and so cannot be set.
  given = merge(try({ for name, value in var.settings : name => value if !contains(["options", "routes"], name) }, {}), {
    sources = local.sources
    options = merge(local.options, { sources = merge(try(local.options.sources, {}), local.regions) })
  }, length(local.routes) == 0 ? {} : { routes = local.routes })

  # The same by name, as declared: shards, options.sources.cloudwatch.period_s.
  named = merge(
    { for name, value in local.given : name => value if name != "options" },
    merge([for folder, plugs in local.given.options : merge([for plug, options in plugs : {
      for option, value in options : "options.${folder}.${plug}.${option}" => value
    }]...)]...),
  )
  strange = sort(setsubtract(keys(local.named), keys(local.declared)))

  # How each type begins in JSON, and what does not: a text for a number, a word that is none of those declared.
  begins = { any = "", boolean = "^[tf]", list = "^\\[", number = "^[-0-9]", object = "^{", string = "^\"" }
  misfits = [for name, value in local.named : "${name} is ${jsonencode(value)}, expected ${jsonencode(local.declared[name])}"
    if contains(keys(local.declared), name) && !alltrue([
      can(regex(local.begins[local.declared[name].type], jsonencode(value))),
      try(value >= local.declared[name].minimum, true),
      try(value <= local.declared[name].maximum, true),
      try(length(setsubtract(flatten([value]), local.declared[name].words)) == 0, true),
    ])
  ]

  # A source's token is in its container's environment, or nowhere.
  unknown_tokens = sort([for name, value in local.named : "${name} is ${value}"
    if local.has_cluster && endswith(name, ".token_env") && value != "" && !contains(keys(var.source_secrets), try(tostring(value), ""))
  ])

  mlflow_uri       = var.enable_mlflow ? "http://mlflow.${var.name}.internal:5000" : ""
  mlflow_artifacts = "s3://${local.bucket_name.mlflow}/artifacts"

  # What `python -m pipeline` needs to work on this infrastructure, and what it was told.
  decided = { for name, value in {
    lake             = local.lake_uri
    catalog          = "glue"
    engine           = "athena"
    database         = var.database
    aws_region       = var.region
    aws_endpoint_url = var.aws_endpoint_url
    athena_workgroup = aws_athena_workgroup.this["pipeline"].name
    mlflow_uri       = local.mlflow_uri
    mlflow_artifacts = local.mlflow_artifacts
  } : name => value if value != "" }

  # Its environment: lists of plugs are written a,b, options and routes as JSON. Also the output `settings`.
  settings = { for name, value in merge(local.given, local.decided) : "HEADROOM_${upper(name)}" => (
    contains(["options", "routes"], name) ? jsonencode(value) : try(join(",", value), tostring(value))
  ) }

  # The same as headroom.toml. JSON is TOML but for the colons after names; what is between quotes stays as it is.
  tokens = { for name, value in merge(local.given, local.decided) : name => regexall("\"(?:[^\"\\\\]|\\\\.)*\"|[^\"]+", jsonencode(value)) }
  settings_file = join("", [for name, tokens in local.tokens : format("%s = %s\n", name, join("", [
    for token in tokens : startswith(token, "\"") ? token : replace(token, ":", " = ")
  ]))])
}

resource "terraform_data" "settings" {
  input = local.settings_file

  lifecycle {
    precondition {
      condition     = length(local.strange) == 0
      error_message = "settings: there is no ${join(", no ", local.strange)} to set; `python -m pipeline settings` lists settings and options. Where the lake lies and who is asked about it is Terraform's to say."
    }

    precondition {
      condition     = length(local.unknown_tokens) == 0
      error_message = "settings: ${join(", ", local.unknown_tokens)}, which no container has: name its secret in source_secrets."
    }

    precondition {
      condition     = !local.has_cluster || can(regex("^($|(/var/headroom|/tmp)(/|$))", try(var.settings.log_dir, "")))
      error_message = "settings: log_dir must be /var/headroom or /tmp, or below: a container writes nowhere else."
    }

    precondition {
      condition     = length(local.misfits) == 0
      error_message = "settings: ${join("; ", local.misfits)}."
    }
  }
}

# Managed Airflow reads the DAGs without an environment of ours: it finds the sources to map over beside them.
resource "aws_s3_object" "settings" {
  count = local.on_mwaa ? 1 : 0

  bucket       = aws_s3_bucket.this["dags"].id
  key          = "dags/headroom.toml"
  content      = local.settings_file
  content_type = "application/toml"
  kms_key_id   = local.key_arn["platform"]

  depends_on = [aws_s3_bucket_policy.this, aws_s3_bucket_versioning.this]
}
