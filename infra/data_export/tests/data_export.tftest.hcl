# What the configuration says, without an AWS.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
  }
}

mock_provider "aws" {
  alias = "us_east_1"
}

variables {
  region           = "eu-central-1"
  exports          = ["focus", "cur"]
  reader_role_arns = ["arn:aws:iam::210987654321:role/headroom-ingest"]
}

run "both_exports" {
  assert {
    condition     = { for name, export in aws_bcmdataexports_export.this : name => one(export.export).name } == { focus = "headroom-bills-focus", cur = "headroom-bills-cur" }
    error_message = "one export for each"
  }

  assert {
    condition     = endswith(one(one(aws_bcmdataexports_export.this["focus"].export).data_query).query_statement, " FROM FOCUS_1_2_AWS")
    error_message = "FOCUS asks for its table"
  }

  assert {
    condition     = length(split(", ", one(one(aws_bcmdataexports_export.this["focus"].export).data_query).query_statement)) == 60
    error_message = "FOCUS 1.2 has 57 columns, and AWS adds three"
  }

  assert {
    condition     = one(one(one(aws_bcmdataexports_export.this["cur"].export).data_query).table_configurations["COST_AND_USAGE_REPORT"][*]).INCLUDE_RESOURCES == "TRUE"
    error_message = "a line of CUR names its resource"
  }

  assert {
    condition     = one(one(one(one(aws_bcmdataexports_export.this["focus"].export).destination_configurations).s3_destination).s3_output_configurations).overwrite == "OVERWRITE_REPORT"
    error_message = "a period is written in one place"
  }

  assert {
    condition     = output.paths["focus"] == "s3://headroom-bills-123456789012-eu-central-1/exports/headroom-bills-focus/"
    error_message = "the path is where the service writes: prefix, then the export's name"
  }
}

run "who_may_do_what" {
  assert {
    condition = [for statement in jsondecode(aws_s3_bucket_policy.bills.policy).Statement : statement.Condition if statement.Sid == "DataExportsWrites"] == [{
      StringEquals = { "aws:SourceAccount" = "123456789012" }
      ArnLike      = { "aws:SourceArn" = "arn:aws:bcm-data-exports:us-east-1:123456789012:export/*" }
    }]
    error_message = "the service writes on behalf of this account's exports alone"
  }

  assert {
    condition = [for statement in jsondecode(aws_s3_bucket_policy.bills.policy).Statement : statement.Action if statement.Sid == "ReadersRead"] == [
      ["s3:GetObject", "s3:ListBucket"],
    ]
    error_message = "roles read, and nothing else"
  }

  assert {
    condition = [for statement in jsondecode(aws_kms_key.bills.policy).Statement : statement.Principal.AWS if statement.Sid == "ReadersRead"] == [
      ["arn:aws:iam::210987654321:role/headroom-ingest"],
    ]
    error_message = "the role of another account decrypts"
  }
}

run "nobody_else_reads" {
  variables {
    exports          = ["focus"]
    reader_role_arns = []
  }

  assert {
    condition     = keys(aws_bcmdataexports_export.this) == ["focus"]
    error_message = "CUR is written where it is asked for"
  }

  assert {
    condition     = !strcontains(aws_s3_bucket_policy.bills.policy, "ReadersRead") && !strcontains(aws_kms_key.bills.policy, "ReadersRead")
    error_message = "without readers there is no statement for them"
  }
}

run "bad_values_are_refused" {
  command = plan

  variables {
    exports          = ["carbon"]
    reader_role_arns = ["arn:aws:iam::210987654321:role/*"]
    noncurrent_days  = 0
    name             = "Bills"
    region           = "Frankfurt"
    tags             = { "aws:team" = "shop" }
  }

  expect_failures = [var.exports, var.reader_role_arns, var.noncurrent_days, var.name, var.region, var.tags]
}
