locals {
  account_id = data.aws_caller_identity.this.account_id
  partition  = data.aws_partition.this.partition
  bucket     = "${var.name}-${local.account_id}-${var.region}"
  bucket_arn = "arn:${local.partition}:s3:::${local.bucket}"
  readers    = sort(var.reader_role_arns)

  # What the service says it acts for: our exports, of our account.
  on_our_behalf = {
    StringEquals = { "aws:SourceAccount" = local.account_id }
    ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:bcm-data-exports:us-east-1:${local.account_id}:export/*" }
  }
}

resource "aws_kms_key" "bills" {
  description             = "${var.name}: what AWS charges"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    # In a key's policy, "*" is this key.
    Statement = concat(
      [
        {
          Sid       = "Account"
          Effect    = "Allow"
          Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
          Action    = "kms:*"
          Resource  = "*"
        },
        {
          Sid       = "DataExportsWrites"
          Effect    = "Allow"
          Principal = { Service = "bcm-data-exports.amazonaws.com" }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
          Resource  = "*"
          Condition = local.on_our_behalf
        },
      ],
      length(local.readers) == 0 ? [] : [{
        Sid       = "ReadersRead"
        Effect    = "Allow"
        Principal = { AWS = local.readers }
        Action    = "kms:Decrypt"
        Resource  = "*"
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      }],
    )
  })
}

resource "aws_kms_alias" "bills" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.bills.key_id
}

resource "aws_s3_bucket" "bills" {
  #checkov:skip=CKV_AWS_18: who reads a bill is in the account's trail; the exports themselves say when they were written
  #checkov:skip=CKV_AWS_144: AWS writes the exports again when asked
  #checkov:skip=CKV2_AWS_62: nothing is triggered by objects
  bucket        = local.bucket
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "bills" {
  bucket = aws_s3_bucket.bills.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "bills" {
  bucket = aws_s3_bucket.bills.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.bills.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "bills" {
  bucket                  = aws_s3_bucket.bills.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "bills" {
  bucket = aws_s3_bucket.bills.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "bills" {
  bucket = aws_s3_bucket.bills.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "EncryptedOnTheWay"
          Effect    = "Deny"
          Principal = "*"
          Action    = "s3:*"
          Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
        {
          Sid       = "DataExportsWrites"
          Effect    = "Allow"
          Principal = { Service = "bcm-data-exports.amazonaws.com" }
          Action    = ["s3:GetBucketPolicy", "s3:PutObject"]
          Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
          Condition = local.on_our_behalf
        },
      ],
      length(local.readers) == 0 ? [] : [{
        Sid       = "ReadersRead"
        Effect    = "Allow"
        Principal = { AWS = local.readers }
        Action    = ["s3:GetObject", "s3:ListBucket"]
        Resource  = [local.bucket_arn, "${local.bucket_arn}/exports/*"]
      }],
    )
  })
  # A policy that is being laid while the block is drawn is refused.
  depends_on = [aws_s3_bucket_public_access_block.bills]
}

resource "aws_s3_bucket_lifecycle_configuration" "bills" {
  bucket = aws_s3_bucket.bills.id

  rule {
    id     = "leftovers"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
  }
}
