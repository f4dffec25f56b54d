"""Vault is almost full.

When it is full, the next backup fails.

Expand the vault, let it expand by itself, or keep fewer backups.

Console: Cloud Backup and Recovery, the vault's row, expand capacity, or enable auto capacity expansion.

API: PUT /v3/{project_id}/vaults/{vault_id} with billing.size in GB, or auto_expand = true.

Terraform: opentelekomcloud_cbr_vault_v3: size in the billing block, or auto_expand = true; huaweicloud_cbr_vault: size,
or auto_expand = true.

Limits: CBR gives the size in GB and what is used in MB. Only vaults that are paid by use can expand by themselves.
"""

from cbr_auditor.rule import NoProblem, Severity, Unknown, Vault

severity = Severity.HIGH
controls = ("nis2-2024-2690:4.2.5", "nist-csf-2.0:PR.IR-04", "soc2-2017:A1.1")
reference = "CBR API, Querying the Vault List: billing.used, billing.size, auto_expand"


def check(vault: Vault, *, percent: float = 80) -> str | Unknown | NoProblem | None:
    """Fail where `percent` or more of a vault is used that does not expand by itself."""
    used = vault.used_percent
    if used is None:
        return Unknown("billing.used" if vault.used_mib is None else "billing.size")
    if used < percent:
        return None
    if vault.auto_expand:
        return NoProblem("it expands by itself")
    return f"{used:.0f} % of the vault's {vault.size_gib:g} GB are used"
