# Where Lake Formation governs the catalog, IAM alone opens no table: each role is granted what its policy in roles.tf lets it do.
# Ingest touches no table. The lake's location is not registered; where an organisation registers it, it hands out the data itself
# (lakeformation:GetDataAccess), and its administrator grants the location to who creates tables.
locals {
  reads = {
    transform = ["bronze", "silver"]
    trainer   = ["silver", "gold"]
    publisher = ["bronze", "silver", "gold"]
    analyst   = sort(var.analyst_layers)
  }
  writes = { transform = ["silver"], publisher = ["silver", "gold"] }

  # role/layer → what it may do with the tables, and whether it makes some.
  grants = { for grant in flatten([for role, layers in local.reads : [for layer in concat(layers, ["views"]) : {
    role   = role
    layer  = layer
    writes = contains(lookup(local.writes, role, []), layer)
  }]]) : "${grant.role}/${grant.layer}" => grant if var.lake_formation }

  use_lake_formation = [for statement in [
    { Sid = "UseLakeFormation", Effect = "Allow", Action = "lakeformation:GetDataAccess", Resource = "*" },
  ] : statement if var.lake_formation]
}

resource "aws_lakeformation_permissions" "database" {
  for_each = local.grants

  principal   = aws_iam_role.this[each.value.role].arn
  permissions = each.value.writes ? ["CREATE_TABLE", "DESCRIBE"] : ["DESCRIBE"]

  database {
    name = aws_glue_catalog_database.this[each.value.layer].name
  }
}

resource "aws_lakeformation_permissions" "tables" {
  for_each = local.grants

  principal   = aws_iam_role.this[each.value.role].arn
  permissions = each.value.writes ? ["ALTER", "DELETE", "DESCRIBE", "INSERT", "SELECT"] : ["DESCRIBE", "SELECT"]

  table {
    database_name = aws_glue_catalog_database.this[each.value.layer].name
    wildcard      = true
  }
}

# The catalog's client asks for a database before it commits; IAM lets it ask for these only.
resource "aws_lakeformation_permissions" "catalog" {
  for_each = { for role, _ in local.writes : role => true if var.lake_formation }

  principal        = aws_iam_role.this[each.key].arn
  permissions      = ["CREATE_DATABASE"]
  catalog_resource = true
}
