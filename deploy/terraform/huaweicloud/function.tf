resource "huaweicloud_fgs_function" "auditor" {
  name        = var.name
  app         = "default"
  description = "Audits the CBR backups of ${var.project_name}"
  agency      = huaweicloud_identity_agency.function.name

  runtime          = "Python3.10" # the newest that Huawei Cloud documents
  handler          = "handler.handler"
  memory_size      = var.memory_size
  timeout          = var.timeout
  max_instance_num = "1" # a second run at the same time would mail a second report

  code_type     = "zip"
  code_filename = basename(var.zip)
  func_code     = filebase64(var.zip)

  user_data           = jsonencode(local.settings)
  encrypted_user_data = jsonencode(var.secrets)

  log_group_id    = huaweicloud_lts_group.auditor.id
  log_group_name  = huaweicloud_lts_group.auditor.group_name
  log_stream_id   = huaweicloud_lts_stream.auditor.id
  log_stream_name = huaweicloud_lts_stream.auditor.stream_name

  tags = var.tags
}

resource "huaweicloud_lts_group" "auditor" {
  group_name  = var.name
  ttl_in_days = var.log_days
}

resource "huaweicloud_lts_stream" "auditor" {
  group_id    = huaweicloud_lts_group.auditor.id
  stream_name = var.name
}

# The API cannot change a timer's schedule, so the timer is replaced: it is never there twice.
resource "terraform_data" "timer" {
  input = local.event_data
}

resource "huaweicloud_fgs_function_trigger" "timer" {
  function_urn = huaweicloud_fgs_function.auditor.urn
  type         = "TIMER"
  event_data   = local.event_data
  status       = "ACTIVE"

  lifecycle {
    replace_triggered_by = [terraform_data.timer]
  }
}

# A timer's runs are asynchronous. By default a failed one is tried again, and its report mailed again.
resource "huaweicloud_fgs_async_invoke_configuration" "auditor" {
  function_urn                   = huaweicloud_fgs_function.auditor.urn
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
