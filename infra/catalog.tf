# The databases only. `python -m pipeline tables create` makes what is in them from the pipeline's own declarations: Iceberg tables,
# bronze's external tables with partition projection, and the views. Terraform would be a second opinion about their columns.
resource "aws_glue_catalog_database" "this" {
  for_each = toset(concat(local.layers, ["views"]))

  name         = "${var.database}_${each.key}"
  description  = "${var.name}: ${each.key}"
  location_uri = each.key == "views" ? null : "${local.lake_uri}/${each.key}"
}

locals {
  workgroups = { pipeline = var.athena_scan_limit_gib.pipeline, analyst = var.athena_scan_limit_gib.analyst }
}

resource "aws_athena_workgroup" "this" {
  for_each = local.workgroups

  name          = "${var.name}-${each.key}"
  description   = "Cancels a query at ${each.value} GiB"
  force_destroy = var.force_destroy

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = floor(each.value * pow(2, 30))

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${local.bucket_name.results}/${each.key}/"
      expected_bucket_owner = local.account_id

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = local.key_arn["lake"]
      }
    }
  }

  depends_on = [aws_s3_bucket_policy.this]
}

# What people query, to open and change in Athena's editor. The files name tables by layer; Athena wants the database.
resource "aws_athena_named_query" "view" {
  for_each = { for file in fileset("${path.module}/../sql/views", "*.sql") : trimsuffix(file, ".sql") => file("${path.module}/../sql/views/${file}") }

  name        = "${var.name}-${each.key}"
  description = trimspace(trimprefix(trimprefix(split("\n", each.value)[0], "--"), " views.${each.key}:"))
  workgroup   = aws_athena_workgroup.this["analyst"].id
  database    = aws_glue_catalog_database.this["views"].name
  query       = replace(each.value, "/\\b(bronze|silver|gold|views)\\./", "${var.database}_$1.")
}
