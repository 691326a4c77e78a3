variable "name" {
  description = "What everything made here is called, and begins with."
  type        = string
  default     = "headroom-bills"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name: 3 to 32 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "Where the bucket is; best where Headroom runs."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: such as eu-central-1."
  }
}

variable "exports" {
  description = "What is exported: focus (FOCUS 1.2, which is read first) and cur (CUR 2.0)."
  type        = set(string)
  default     = ["focus"]

  validation {
    condition     = length(var.exports) > 0 && alltrue([for export in var.exports : contains(["focus", "cur"], export)])
    error_message = "exports: focus, cur or both."
  }
}

variable "reader_role_arns" {
  description = "Roles, of this account or another, that may read the bills: `ingest` among the output `roles` of infra/."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.reader_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "reader_role_arns: ARNs of roles, without wildcards."
  }
}

variable "noncurrent_days" {
  description = "Days that a file is kept after AWS has written it anew."
  type        = number
  default     = 90

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days: a whole number from 1 on."
  }
}

variable "force_destroy" {
  description = "Whether destroying also deletes the bills."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything that is made."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 40 && alltrue([for name, value in var.tags : can(regex("^[^:]{1,128}$", name)) && name != "project" && length(value) <= 256])
    error_message = "tags: at most 40, without project and without names that contain a colon, values of at most 256 characters."
  }
}
