output "bucket_arn" {
  description = "For source_bucket_arns of infra/."
  value       = local.bucket_arn
}

output "kms_key_arn" {
  description = "For source_kms_key_arns of infra/."
  value       = aws_kms_key.bills.arn
}

output "paths" {
  description = "Where each export lies, for the option `path` of the source billing."
  value       = { for export in var.exports : export => "s3://${local.bucket}/exports/${var.name}-${export}/" }
}
