resource "opentelekomcloud_identity_role_v3" "audit" {
  display_name  = "${var.name}-audit"
  description   = "What cbr-auditor reads, and the topic that it tells."
  display_layer = "project"

  statement {
    effect = "Allow"
    action = local.actions
  }
}

# OBS is a global service: its rights stand in a role of their own, on one bucket.
resource "opentelekomcloud_identity_role_v3" "archive" {
  count = var.archive_bucket == null ? 0 : 1

  display_name  = "${var.name}-archive"
  description   = "Where cbr-auditor keeps its reports."
  display_layer = "domain"

  statement {
    effect   = "Allow"
    action   = ["obs:object:PutObject"]
    resource = ["OBS:*:*:object:${var.archive_bucket}/*"]
  }
}

# A new agency takes some minutes to become effective; a run before that says that it has no credentials.
resource "opentelekomcloud_identity_agency_v3" "function" {
  name                  = var.name
  description           = "Lets the function ${var.name} read the backups of ${var.project_name}"
  delegated_domain_name = "op_svc_cff" # FunctionGraph

  project_role {
    project = var.project_name
    roles   = [opentelekomcloud_identity_role_v3.audit.display_name]
  }

  domain_roles = opentelekomcloud_identity_role_v3.archive[*].display_name
}
