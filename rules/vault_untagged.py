"""Vault has no owner's tag.

Without tags nobody can tell whose backups these are, whom to ask before they are deleted, and who pays.

Tag the vault. Name in keys which tags every vault must have; without, any tag will do.

API: POST /v3/{project_id}/vault/{vault_id}/tags, where the path says vault in the singular.

Terraform: opentelekomcloud_cbr_vault_v3 and huaweicloud_cbr_vault: tags.

Limits: a tag may have no value; it counts all the same.
"""

from cbr_auditor.rule import Severity, Unknown, Vault

severity = Severity.LOW
controls = ()
reference = "CBR API, Querying the Vault List: tags"


def check(vault: Vault, *, keys: tuple[str, ...] = ()) -> str | Unknown | None:
    """Fail where a vault lacks a tag with one of the `keys`, or has no tag at all where no key is named."""
    tags = vault.tags or {}
    missing = [key for key in keys if key not in tags]
    if not missing and (keys or tags):
        return None
    if vault.tags is None or any(path.startswith("tags") for path in vault.unreadable):
        return Unknown("tags")
    return f"the vault has no tag {', '.join(missing)}" if keys else "the vault has no tag"
