resource "opentelekomcloud_fgs_function_v2" "auditor" {
  name        = var.name
  app         = "default"
  description = "Audits the CBR backups of ${var.project_name}"
  agency      = opentelekomcloud_identity_agency_v3.function.name

  runtime          = var.runtime
  handler          = "handler.handler"
  memory_size      = var.memory_size
  timeout          = var.timeout
  max_instance_num = "1" # a second run at the same time would mail a second report

  code_type     = "zip"
  code_filename = basename(var.zip)
  func_code     = filebase64(var.zip)

  user_data           = jsonencode(local.settings)
  encrypted_user_data = jsonencode(var.secrets)

  log_group_id   = opentelekomcloud_lts_group_v2.auditor.id
  log_group_name = opentelekomcloud_lts_group_v2.auditor.group_name
  log_topic_id   = opentelekomcloud_lts_stream_v2.auditor.id
  log_topic_name = opentelekomcloud_lts_stream_v2.auditor.stream_name

  tags = var.tags
}

resource "opentelekomcloud_lts_group_v2" "auditor" {
  group_name  = var.name
  ttl_in_days = var.log_days
}

resource "opentelekomcloud_lts_stream_v2" "auditor" {
  group_id    = opentelekomcloud_lts_group_v2.auditor.id
  stream_name = var.name
}

# The API cannot change a timer's schedule, so the timer is replaced: it is never there twice.
resource "terraform_data" "timer" {
  input = local.event_data
}

resource "opentelekomcloud_fgs_trigger_v2" "timer" {
  function_urn = opentelekomcloud_fgs_function_v2.auditor.urn
  type         = "TIMER"
  event_data   = local.event_data
  status       = "ACTIVE"

  lifecycle {
    replace_triggered_by = [terraform_data.timer]
  }
}

# A timer's runs are asynchronous. By default a failed one is tried again, and its report mailed again.
resource "opentelekomcloud_fgs_async_invoke_config_v2" "auditor" {
  function_urn                   = opentelekomcloud_fgs_function_v2.auditor.urn
  max_async_event_age_in_seconds = 3600
  max_async_retry_attempts       = 0

  dynamic "on_failure" {
    for_each = var.publish_to_smn ? [local.topic_urn] : []

    content {
      destination = "SMN"
      param       = jsonencode({ topic_urn = on_failure.value })
    }
  }
}
