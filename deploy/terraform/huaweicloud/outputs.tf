output "function_urn" {
  description = "The function, for a test run from the console or the API."
  value       = huaweicloud_fgs_function.auditor.urn
}

output "agency_name" {
  description = "The agency that gives the function its rights."
  value       = huaweicloud_identity_agency.function.name
}

output "actions" {
  description = "The IAM actions that the agency has in the audited project."
  value       = local.actions
}

output "topic_urn" {
  description = "The SMN topic that is told of failed and missing runs."
  value       = local.topic_urn
}

output "log_group" {
  description = "Where the function's log is."
  value       = huaweicloud_lts_group.auditor.group_name
}
