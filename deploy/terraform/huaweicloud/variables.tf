variable "region" {
  description = "The region that the function runs in and audits, as eu-west-101."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "Use a region of Huawei Cloud, as eu-west-101 or ap-southeast-3."
  }
}

variable "project_name" {
  description = "The project that is audited, as eu-west-101 or eu-west-101_production: the agency gets its rights there and nowhere else."
  type        = string

  validation {
    condition     = startswith(var.project_name, var.region)
    error_message = "A project's name begins with its region, as eu-west-101_production."
  }
}

variable "name" {
  description = "The function's name; the agency, the log group, the topic and the alarms are named after it."
  type        = string
  default     = "cbr-auditor"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9_-]{0,38}[A-Za-z0-9]$", var.name))
    error_message = "Use 2 to 40 letters, digits, _ and -; begin with a letter, end with a letter or a digit."
  }
}

variable "zip" {
  description = "The zip that `make package` built, as ../../../dist/cbr-auditor-0.1.0-py3.10.zip."
  type        = string

  validation {
    condition     = endswith(var.zip, ".zip") && fileexists(var.zip)
    error_message = "There is no such zip. Call `make package` and give the path that it prints."
  }
}

variable "memory_size" {
  description = "MB for the function, and with them its share of a processor."
  type        = number
  default     = 256

  validation {
    condition     = contains([128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096], var.memory_size)
    error_message = "FunctionGraph offers 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584 and 4096."
  }
}

variable "timeout" {
  description = "Seconds until the function is killed. The auditor knows them and reports before."
  type        = number
  default     = 900

  validation {
    condition     = var.timeout >= 60 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "Use whole seconds from 60 to 900."
  }
}

variable "schedule" {
  description = "When it runs: seconds minutes hours day month weekday. Without CRON_TZ the platform's zone is undocumented."
  type        = string
  default     = "CRON_TZ=Europe/Berlin 0 0 7 * * *"

  validation {
    condition     = can(regex("^CRON_TZ=[A-Za-z_]+(/[A-Za-z0-9_+-]+)* [0-9,*/-]+ [0-9,*/-]+ [0-9,*/-]+ [0-9,*/?-]+ [0-9A-Za-z,*/-]+( [0-9A-Za-z,*/?-]+)?$", var.schedule))
    error_message = "Begin with CRON_TZ=, a time zone and a blank, then five or six fields, as CRON_TZ=Europe/Berlin 0 0 7 * * *"
  }
}

variable "settings" {
  description = "Plain variables of the function, AUDITOR_…: everybody with access to the console reads them."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.settings) < 20 && alltrue([for name in keys(var.settings) : can(regex("^[A-Za-z][A-Za-z0-9_]*$", name)) && !startswith(name, "RUNTIME_")])
    error_message = "FunctionGraph takes 20 variables (AUDITOR_REGION is one); letters, digits and _, not beginning with RUNTIME_."
  }

  validation {
    condition     = alltrue([for name in keys(var.settings) : !can(regex("(PASSWORD|SECRET|SECRET_KEY|TOKEN|WEBHOOK_URL)$", name))])
    error_message = "Passwords, keys, tokens and webhooks belong into secrets: settings are shown in clear."
  }

  validation {
    condition     = length(jsonencode(var.settings)) <= 4000
    error_message = "FunctionGraph takes 4,096 characters in all: put rules, waivers and targets into auditor.toml in the zip."
  }
}

variable "secrets" {
  description = "Encrypted variables of the function, for passwords, keys and webhooks. Terraform keeps them in its state: encrypt that too."
  type        = map(string)
  default     = {}
  sensitive   = true

  validation {
    condition     = length(var.secrets) <= 20 && alltrue([for name in keys(var.secrets) : can(regex("^[A-Za-z][A-Za-z0-9_]*$", name)) && !startswith(name, "RUNTIME_")])
    error_message = "FunctionGraph takes 20 encrypted variables; letters, digits and _, not beginning with RUNTIME_."
  }
}

variable "list_vaults" {
  description = "Grant cbr:vaults:list, for the rules about vaults."
  type        = bool
  default     = false
}

variable "list_policies" {
  description = "Grant cbr:policies:list, for the rules about policies."
  type        = bool
  default     = false
}

variable "list_tasks" {
  description = "Grant cbr:tasks:list, for the rules about tasks and to say why a backup failed."
  type        = bool
  default     = false
}

variable "publish_to_smn" {
  description = "Grant smn:topic:publish, so that a failed run is told to the topic."
  type        = bool
  default     = true
}

variable "archive_bucket" {
  description = "Grant obs:object:PutObject on this one bucket, for the reports' archive; null: no right on OBS."
  type        = string
  default     = null

  validation {
    condition     = var.archive_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.archive_bucket))
    error_message = "Use the bucket's name alone: 3 to 63 small letters, digits, - and dots."
  }
}

variable "decrypt_with_kms" {
  description = "Grant kms:cmk:decryptData, for secrets that are kms:CIPHERTEXT."
  type        = bool
  default     = false
}

variable "read_csms_secrets" {
  description = "Grant csms:secret:getVersion, for secrets that are csms:NAME."
  type        = bool
  default     = false
}

variable "topic_urn" {
  description = "The SMN topic that is told of failed and missing runs; null: a topic is made."
  type        = string
  default     = null

  validation {
    condition     = var.topic_urn == null ? true : can(regex("^urn:smn:[a-z0-9-]+:[0-9a-f]{32}:[A-Za-z0-9_-]+$", var.topic_urn))
    error_message = "Use the topic's URN, as urn:smn:eu-west-101:0605767b5780d5762fc5c0118072a564:operations."
  }
}

variable "alarm_mail" {
  description = "Addresses that the topic mails to; each must confirm once. Only where the topic is made here."
  type        = set(string)
  default     = []
}

variable "log_days" {
  description = "For how many days the function's log is kept (billed)."
  type        = number
  default     = 30

  validation {
    condition     = var.log_days >= 1 && var.log_days <= 365 && floor(var.log_days) == var.log_days
    error_message = "Use whole days from 1 to 365."
  }
}

variable "tags" {
  description = "Tags of the function."
  type        = map(string)
  default     = {}
}
