# For the account that pays: a bucket of its own, and the exports that AWS writes there. Apply it with that account's credentials,
# then name its outputs in the variables of `infra/` (source_bucket_arns, source_kms_key_arns); docs/deploy.md shows both.

terraform {
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, { project = var.name })
  }
}

provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"

  default_tags {
    tags = merge(var.tags, { project = var.name })
  }
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}
