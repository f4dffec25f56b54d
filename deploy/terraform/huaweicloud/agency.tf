resource "huaweicloud_identity_role" "audit" {
  name        = "${var.name}-audit"
  description = "What cbr-auditor reads, and the topic that it tells."
  type        = "XA" # region-specific projects
  policy      = local.policy
}

# OBS is a global service: its rights stand in a policy of their own, on one bucket.
resource "huaweicloud_identity_role" "archive" {
  count = var.archive_bucket == null ? 0 : 1

  name        = "${var.name}-archive"
  description = "Where cbr-auditor keeps its reports."
  type        = "AX" # global services
  policy      = local.archive_policy
}

# A new agency takes some minutes to become effective; a run before that says that it has no credentials.
resource "huaweicloud_identity_agency" "function" {
  name        = var.name
  description = "Lets the function ${var.name} read the backups of ${var.project_name}"

  # FunctionGraph. As delegated_domain_name the provider would take it too, and see a change at every plan.
  delegated_service_name = "op_svc_cff"

  project_role {
    project = var.project_name
    roles   = [huaweicloud_identity_role.audit.name]
  }

  domain_roles = huaweicloud_identity_role.archive[*].name
}
