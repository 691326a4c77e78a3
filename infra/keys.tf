# One key per kind of data, so that reading logs is not reading the lake. One bucket has one default key, and the lake is one
# bucket: layers are told apart by the roles' prefixes, not by keys.
locals {
  keys = {
    lake     = { description = "The lake and its query results", services = {} }
    mlflow   = { description = "Models, trainings and their database", services = {} }
    platform = { description = "Images, secrets, Airflow's database", services = {} }
    logs = { description = "Logs and the audit trail", services = {
      "logs.${var.region}.amazonaws.com" = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "${local.arn.logs}:log-group:*" } }
      "cloudtrail.amazonaws.com"         = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
    } }
    # Alarms, budgets and rules do not tell KMS on whose behalf they ask; the topic's policy does the narrowing.
    topics = { description = "Notifications", services = {
      "budgets.amazonaws.com"    = {}
      "cloudwatch.amazonaws.com" = {}
      "events.amazonaws.com"     = {}
    } }
  }

  # A key that is there stands for all of them.
  own_keys = { for kind, key in local.keys : kind => key if var.kms_key_arn == "" }
  key_arn  = { for kind, _ in local.keys : kind => var.kms_key_arn == "" ? one([for name, key in aws_kms_key.this : key.arn if name == kind]) : var.kms_key_arn }
}

resource "aws_kms_key" "this" {
  for_each = local.own_keys

  description             = "${var.name}: ${each.value.description}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    # In a key's policy, "*" is this key. The account's own IAM policies decide who of the account uses it.
    Statement = concat([
      { Sid = "Account", Effect = "Allow", Principal = { AWS = local.root }, Action = "kms:*", Resource = "*" },
      ], [for service, condition in each.value.services : merge({
        Sid       = replace(title(split(".", service)[0]), "-", "")
        Effect    = "Allow"
        Principal = { Service = service }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
    }, length(condition) == 0 ? {} : { Condition = condition })])
  })
}

resource "aws_kms_alias" "this" {
  for_each = local.own_keys

  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}
