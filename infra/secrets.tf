# Derived from secret_seed, which Terraform forgets, and written by write-only arguments: neither plan nor state ever holds one.
locals {
  secrets = merge(
    var.orchestrator == "ecs" ? {
      airflow-database = "Password of Airflow's database"
      airflow          = "Airflow: keys, and the password of its user admin"
    } : {},
    var.enable_mlflow ? {
      mlflow-database = "Password of MLflow's database"
      mlflow          = "MLflow: key, and the password of its user headroom"
    } : {},
  )

  secret_fields = {
    airflow-database = ["password"]
    airflow          = ["admin_password", "fernet_key", "jwt_secret", "secret_key"]
    mlflow-database  = ["password"]
    mlflow           = ["password", "secret_key"]
  }

  secret_values = { for secret, _ in local.secrets : secret => {
    for field in local.secret_fields[secret] : field => (
      # A Fernet key is 32 bytes, in URL-safe base64.
      field == "fernet_key" ? replace(replace(base64encode(substr(sha512("${var.secret_seed}/${secret}/${field}"), 0, 32)), "+", "-"), "/", "_")
      : endswith(field, "password") ? substr(sha512("${var.secret_seed}/${secret}/${field}"), 0, 40)
      : sha512("${var.secret_seed}/${secret}/${field}")
    )
  } }
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57: raising secret_version rotates; a rotation behind the services' back would only cut them off
  for_each = local.secrets

  name        = "${var.name}/${each.key}"
  description = each.value
  kms_key_id  = local.key_arn["platform"]
  # A name in its recovery window cannot be taken again.
  recovery_window_in_days = var.force_destroy ? 0 : 30
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = local.secrets

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = jsonencode(local.secret_values[each.key])
  secret_string_wo_version = var.secret_version
}
