terraform {
  # Write-only arguments and ephemeral variables keep passwords out of the state.
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # State holds no secret, but names everything: keep it in a bucket of its own.
  #   terraform init -backend-config=bucket=… -backend-config=key=headroom.tfstate -backend-config=use_lockfile=true
  # needs a file with: terraform { backend "s3" {} }
}

provider "aws" {
  region            = var.region
  s3_use_path_style = var.aws_endpoint_url != ""

  default_tags {
    tags = merge(var.tags, { project = var.name })
  }
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  account_id = data.aws_caller_identity.this.account_id
  partition  = data.aws_partition.this.partition
  # The start of any ARN of this account and region, for a given service.
  arn = { for s in ["athena", "ecs", "glue", "logs", "airflow", "sns", "sqs", "cloudtrail", "codeconnections"] : s => "arn:${local.partition}:${s}:${var.region}:${local.account_id}" }
  # Null where there is none.
  role_boundary = var.role_boundary_arn == "" ? null : var.role_boundary_arn

  root = "arn:${local.partition}:iam::${local.account_id}:root"
}
