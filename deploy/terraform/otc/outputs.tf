output "function_urn" {
  description = "The function, for a test run from the console or the API."
  value       = opentelekomcloud_fgs_function_v2.auditor.urn
}

output "agency_name" {
  description = "The agency that gives the function its rights."
  value       = opentelekomcloud_identity_agency_v3.function.name
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
  value       = opentelekomcloud_lts_group_v2.auditor.group_name
}
