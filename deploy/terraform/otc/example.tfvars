# Copy this to terraform.tfvars. Secrets are not here: set TF_VAR_secrets, as README.md shows.
project_name = "eu-de_production"
zip          = "../../../dist/cbr-auditor-0.1.0-py3.10.zip"
schedule     = "CRON_TZ=Europe/Berlin 0 0 7 * * *"

list_vaults   = true
list_policies = true
list_tasks    = true

alarm_mail = ["operations@example.com"]

settings = {
  AUDITOR_PROFILE       = "strict"
  AUDITOR_SMTP_HOST     = "smtp.example.com"
  AUDITOR_SMTP_USERNAME = "cbr-auditor"
  AUDITOR_MAIL_FROM     = "cbr-auditor@example.com"
  AUDITOR_MAIL_TO       = "operations@example.com"
}
