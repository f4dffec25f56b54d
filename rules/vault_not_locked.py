"""Vault is not locked.

Whoever gets hold of an account that may delete backups can delete all of them: ransomware does so first.

Lock the vault. A lock cannot be taken off again: until they expire, the backups that its policy makes cannot be deleted
by anybody, and their space is paid for. Decide on the retention first.

Console: Cloud Backup and Recovery, the vault's row, enable backup locking.

API: PUT /v3/{project_id}/vaults/{vault_id} with locked = true.

Terraform: opentelekomcloud_cbr_vault_v3 and huaweicloud_cbr_vault: locked = true.

Limits: a lock does not keep anybody from deleting backups that were made by hand. A cloud or region without the lock
does not say whether a vault is locked: this is unknown, and the rule better off there. billing.status "lock" is
something else, a change of the vault's capacity.
"""

from cbr_auditor.rule import NoProblem, Severity, Unknown, Vault

severity = Severity.MEDIUM
controls = (
    "iso27001-2022:A.8.13",
    "grundschutz-2023:CON.3.A14",
    "nis2-2024-2690:4.2.2(d)",
    "nist-800-53r5:CP-9(d)",
    "cis-8.1:11.3",
)
reference = "CBR API, Querying the Vault List: locked"


def check(vault: Vault) -> str | Unknown | NoProblem | None:
    """Fail where `locked` is false, and anything is in the vault."""
    if vault.locked:
        return None
    if vault.resources == [] and vault.used_mib == 0 and not vault.unreadable:
        return NoProblem("nothing is in it")
    if vault.locked is None:
        return Unknown("locked")
    return "the vault is not locked: its backups can be deleted before they expire"
