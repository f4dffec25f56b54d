locals {
  topic_urn = var.topic_urn == null ? one(opentelekomcloud_smn_topic_v2.alarms[*].topic_urn) : var.topic_urn
}

resource "opentelekomcloud_smn_topic_v2" "alarms" {
  count = var.topic_urn == null ? 1 : 0

  name         = var.name
  display_name = "cbr-auditor failed or did not run"
}

resource "opentelekomcloud_smn_subscription_v2" "mail" {
  for_each = var.topic_urn == null ? var.alarm_mail : toset([])

  topic_urn = one(opentelekomcloud_smn_topic_v2.alarms[*].topic_urn)
  protocol  = "email"
  endpoint  = each.value
}

resource "opentelekomcloud_ces_alarmrule" "failed" {
  alarm_name           = "${var.name}-failed"
  alarm_description    = "A run of cbr-auditor failed: there may be no report."
  alarm_level          = 2
  alarm_action_enabled = true

  metric {
    namespace   = "SYS.FunctionGraph"
    metric_name = "failcount"

    dimensions {
      name  = "package-functionname"
      value = "default-${opentelekomcloud_fgs_function_v2.auditor.name}"
    }
  }

  condition {
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
resource "opentelekomcloud_ces_alarmrule" "missing" {
  alarm_name           = "${var.name}-did-not-run"
  alarm_description    = "cbr-auditor did not run for a day: nobody is looking at the backups."
  alarm_level          = 2
  alarm_action_enabled = true

  metric {
    namespace   = "SYS.FunctionGraph"
    metric_name = "count"

    dimensions {
      name  = "package-functionname"
      value = "default-${opentelekomcloud_fgs_function_v2.auditor.name}"
    }
  }

  condition {
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
