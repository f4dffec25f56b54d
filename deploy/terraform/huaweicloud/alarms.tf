locals {
  topic_urn = var.topic_urn == null ? one(huaweicloud_smn_topic.alarms[*].topic_urn) : var.topic_urn
}

resource "huaweicloud_smn_topic" "alarms" {
  count = var.topic_urn == null ? 1 : 0

  name         = var.name
  display_name = "cbr-auditor failed or did not run"
}

resource "huaweicloud_smn_subscription" "mail" {
  for_each = var.topic_urn == null ? var.alarm_mail : toset([])

  topic_urn = one(huaweicloud_smn_topic.alarms[*].topic_urn)
  protocol  = "email"
  endpoint  = each.value
}

resource "huaweicloud_ces_alarmrule" "failed" {
  alarm_name           = "${var.name}-failed"
  alarm_description    = "A run of cbr-auditor failed: there may be no report."
  alarm_action_enabled = true

  metric {
    namespace = "SYS.FunctionGraph"
  }

  resources {
    dimensions {
      name  = "package-functionname"
      value = "default-${huaweicloud_fgs_function.auditor.name}"
    }
  }

  condition {
    metric_name         = "failcount"
    alarm_level         = 2
    period              = 300
    filter              = "sum"
    comparison_operator = ">="
    value               = 1
    count               = 1
  }

  alarm_actions {
    type              = "notification"
    notification_list = [local.topic_urn]
  }
}

# Cloud Eye has no 26 hours: a day is its longest period. Whether it judges a function without any data is not
# documented, so this alarm is no proof that somebody will notice: see README.md.
resource "huaweicloud_ces_alarmrule" "missing" {
  alarm_name           = "${var.name}-did-not-run"
  alarm_description    = "cbr-auditor did not run for a day: nobody is looking at the backups."
  alarm_action_enabled = true

  metric {
    namespace = "SYS.FunctionGraph"
  }

  resources {
    dimensions {
      name  = "package-functionname"
      value = "default-${huaweicloud_fgs_function.auditor.name}"
    }
  }

  condition {
    metric_name         = "count"
    alarm_level         = 2
    period              = 86400
    filter              = "sum"
    comparison_operator = "<"
    value               = 1
    count               = 1
  }

  alarm_actions {
    type              = "notification"
    notification_list = [local.topic_urn]
  }
}
