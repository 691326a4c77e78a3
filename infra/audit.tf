locals {
  trail_arn = "${local.arn.cloudtrail}:trail/${var.name}-lake"
}

# Who read and wrote each object of the lake and of the models. Management events are the account's own trail's business.
resource "aws_cloudtrail" "lake" {
  #checkov:skip=CKV_AWS_67: it records the objects of two buckets of one region; the account's trail covers the rest
  #checkov:skip=CKV_AWS_252: its files are read when there is a question, nothing waits for them
  #checkov:skip=CKV2_AWS_10: data events are searched in the bucket with Athena; a second copy in CloudWatch doubles the price
  count = var.enable_audit_trail ? 1 : 0

  name                          = "${var.name}-lake"
  s3_bucket_name                = aws_s3_bucket.this["audit"].id
  kms_key_id                    = local.key_arn["logs"]
  enable_log_file_validation    = true
  include_global_service_events = false

  advanced_event_selector {
    name = "Objects of the lake and of the models"

    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }

    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }

    field_selector {
      field       = "resources.ARN"
      starts_with = ["${local.bucket_arn.lake}/", "${local.bucket_arn.mlflow}/"]
    }
  }

  depends_on = [aws_s3_bucket_policy.this]
}
