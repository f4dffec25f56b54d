"""Vault does not notify.

The cloud would say that a backup failed, or that the vault is getting full. It was told not to.

Switch the vault's exception notification on.

API: PUT /v3/{project_id}/vaults/{vault_id} with smn_notify = true, and threshold in percent.

Limits: only Huawei Cloud has this setting. Where a vault does not say whether it notifies, as on OTC, there is nothing
to switch on and no problem; the report counts how many vaults that was.
"""

from cbr_auditor.rule import NoProblem, Severity, Unknown, Vault

severity = Severity.LOW
controls = ("bsi-c5-2020:OPS-07", "nist-800-53r5:CA-7")
reference = "CBR API of Huawei Cloud, Querying the Vault List: smn_notify"


def check(vault: Vault) -> str | Unknown | NoProblem | None:
    """Fail where `smn_notify` is false."""
    if vault.smn_notify is None:
        if "smn_notify" in vault.unreadable:
            return Unknown("smn_notify")
        return NoProblem("this cloud has no such setting")
    return None if vault.smn_notify else "the vault does not notify of failures, or that it is getting full"
