locals {
  # Each with the key that encrypts it. S3 delivers access logs only to buckets with its own keys.
  buckets = merge(
    { lake = "lake", results = "lake", mlflow = "mlflow", audit = "s3" },
    var.orchestrator == "mwaa" ? { dags = "platform" } : {},
  )

  bucket_name = { for bucket, _ in local.buckets : bucket => "${var.name}-${bucket}-${local.account_id}-${var.region}" }
  bucket_arn  = { for bucket, name in local.bucket_name : bucket => "arn:${local.partition}:s3:::${name}" }
  lake_uri    = "s3://${local.bucket_name.lake}"
  layers      = ["bronze", "silver", "gold"]
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18: access is logged to the audit bucket, which cannot log to itself; see aws_s3_bucket_logging.this
  #checkov:skip=CKV_AWS_144: replication of the lake is the variable backup_bucket_arn; the rest can be made again
  #checkov:skip=CKV_AWS_145: the audit bucket takes S3's own keys, as access logs require; all others take KMS
  #checkov:skip=CKV2_AWS_62: nothing in the pipeline is triggered by objects; the schedule and asset events are Airflow's
  for_each = local.buckets

  bucket        = local.bucket_name[each.key]
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = each.value != "s3"

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.value == "s3" ? "AES256" : "aws:kms"
      kms_master_key_id = each.value == "s3" ? null : local.key_arn[each.value]
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = { for bucket, key in local.buckets : bucket => key if bucket != "audit" }

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["audit"].id
  target_prefix = "access/"

  # S3 asks the policy whether it may write there.
  depends_on = [aws_s3_bucket_policy.this]
}

# ---------------------------------------------------------------- bucket policies

locals {
  # For every bucket.
  bucket_tls = { for bucket, arn in local.bucket_arn : bucket => {
    Sid       = "OnlyTls"
    Effect    = "Deny"
    Principal = { AWS = "*" }
    Action    = "s3:*"
    Resource  = [arn, "${arn}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }

  # Roles can be widened by mistake; these hold for whoever asks.
  bucket_statements = {
    lake = [{
      Sid       = "BronzeIsWrittenOnce"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = "s3:PutObject"
      Resource  = ["${local.bucket_arn.lake}/bronze/*", "${local.bucket_arn.lake}/ledger/*"]
      # The parts of a multipart upload carry no header; its completion does.
      Condition = {
        Null = { "s3:if-none-match" = "true" }
        Bool = { "s3:ObjectCreationOperation" = "true" }
      }
    }]
    audit = [
      {
        Sid       = "AccessLogs"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn.audit}/access/*"
        Condition = {
          ArnLike      = { "aws:SourceArn" = [for bucket, arn in local.bucket_arn : arn if bucket != "audit"] }
          StringEquals = { "aws:SourceAccount" = local.account_id }
        }
      },
      {
        Sid       = "Trail"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn.audit}/AWSLogs/${local.account_id}/*"
        Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn, "s3:x-amz-acl" = "bucket-owner-full-control" } }
      },
      {
        Sid       = "TrailLooks"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:GetBucketAcl"
        Resource  = local.bucket_arn.audit
        Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
      },
    ]
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.bucket_tls[each.key]], lookup(local.bucket_statements, each.key, []))
  })
  # A policy that is being laid while the block is drawn is refused.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

# ---------------------------------------------------------------- lifecycle

locals {
  expiry_days = { results = var.results_days, audit = var.log_retention_days }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300: the rule "leftovers" does it for every bucket; the scanner loses it where the second rule is dynamic
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "leftovers"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = each.key == "results" ? 1 : var.noncurrent_days
    }

    dynamic "expiration" {
      for_each = contains(keys(local.expiry_days), each.key) ? [local.expiry_days[each.key]] : []

      content {
        days = expiration.value
      }
    }
  }

  # Old raw data is read only to build the past again.
  dynamic "rule" {
    for_each = each.key == "lake" ? ["bronze"] : []

    content {
      id     = "bronze-to-cheaper-tiers"
      status = "Enabled"

      filter {
        prefix = "bronze/"
      }

      transition {
        days          = var.bronze_infrequent_days
        storage_class = "STANDARD_IA"
      }

      transition {
        days          = var.bronze_archive_days
        storage_class = "GLACIER_IR"
      }
    }
  }

  # Those of each run lie in a folder that begins with its year. Beside them stay the newest one, and the files that settings name there
  # (allocation, budgets, maintenance_calendar, planned_costs), which nobody writes again.
  dynamic "rule" {
    for_each = each.key == "lake" ? ["reports"] : []

    content {
      id     = "old-reports"
      status = "Enabled"

      filter {
        prefix = "reports/2"
      }

      expiration {
        days = var.reports_days
      }
    }
  }

  # Each run of the monitor writes it again: of what it said five minutes ago nobody asks a month later.
  dynamic "rule" {
    for_each = each.key == "lake" ? ["status"] : []

    content {
      id     = "old-status"
      status = "Enabled"

      filter {
        prefix = "reports/status.html"
      }

      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# ---------------------------------------------------------------- backup

resource "aws_iam_role" "backup" {
  count = var.backup_bucket_arn == "" ? 0 : 1

  name                 = "${var.name}-backup"
  path                 = var.role_path
  permissions_boundary = local.role_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "backup" {
  count = var.backup_bucket_arn == "" ? 0 : 1

  name = "replicate"
  role = aws_iam_role.backup[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
        Resource = local.bucket_arn.lake
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
        Resource = "${local.bucket_arn.lake}/*"
      },
      {
        # No ReplicateDelete: what is deleted in the lake stays in the backup.
        Effect   = "Allow"
        Action   = ["s3:ReplicateObject", "s3:ReplicateTags"]
        Resource = "${var.backup_bucket_arn}/*"
      },
      {
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = local.key_arn["lake"]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      },
      { Effect = "Allow", Action = "kms:Encrypt", Resource = var.backup_kms_key_arn },
    ]
  })
}

resource "aws_s3_bucket_replication_configuration" "lake" {
  count = var.backup_bucket_arn == "" ? 0 : 1

  bucket = aws_s3_bucket.this["lake"].id
  role   = aws_iam_role.backup[0].arn

  rule {
    id     = "backup"
    status = "Enabled"
    filter {}

    delete_marker_replication {
      status = "Disabled"
    }

    # The copies take the backup bucket's own key.
    source_selection_criteria {
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }

    destination {
      bucket = var.backup_bucket_arn

      encryption_configuration {
        replica_kms_key_id = var.backup_kms_key_arn
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
