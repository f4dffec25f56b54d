locals {
  # The smallest role: what the profile `essential` needs. docs/permissions.md says which rule needs which of the others.
  actions = concat(
    ["cbr:backups:list", "cbr:backups:get"],
    var.list_vaults ? ["cbr:vaults:list"] : [],
    var.list_policies ? ["cbr:policies:list"] : [],
    var.list_tasks ? ["cbr:tasks:list"] : [],
    var.publish_to_smn ? ["smn:topic:publish"] : [],
    var.decrypt_with_kms ? ["kms:cmk:decryptData"] : [],
    var.read_csms_secrets ? ["csms:secret:getVersion"] : [],
  )

  policy = jsonencode({
    Version   = "1.1"
    Statement = [{ Effect = "Allow", Action = local.actions }]
  })

  archive_policy = jsonencode({
    Version = "1.1"
    Statement = [{
      Effect   = "Allow"
      Action   = ["obs:object:PutObject"]
      Resource = ["obs:*:*:object:${coalesce(var.archive_bucket, "none")}/*"]
    }]
  })

  # A timer's name has no hyphen.
  timer_name = replace("${var.name}_timer", "-", "_")

  event_data = jsonencode({
    name          = local.timer_name
    schedule_type = "Cron"
    schedule      = var.schedule
    user_event    = ""
  })

  settings = merge({ AUDITOR_REGION = var.region }, var.settings)
}
