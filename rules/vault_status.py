"""Vault cannot be relied on.

A vault in error takes no backups. One that is frozen, for arrears mostly, is deleted with all backups in the end.

Pay what is due, or open a ticket with the cloud's support; find out who deletes a vault that is being deleted.

Limits: the status "lock" says that the capacity is being changed; it passes.
"""

from cbr_auditor.rule import NoProblem, Severity, Unknown, Vault

severity = Severity.CRITICAL
controls = ("iso27001-2022:A.8.13", "bsi-c5-2020:OPS-07", "nist-800-53r5:CP-9", "soc2-2017:A1.2")
reference = "CBR API, Querying the Vault List: billing.status, billing.frozen_scene"


def check(vault: Vault) -> str | Unknown | NoProblem | None:
    """Fail where a vault is in error, frozen, or being deleted."""
    if vault.status in {"error", "frozen", "deleting"}:
        reason = f" ({vault.frozen_scene})" if vault.frozen_scene else ""
        return f"the vault's status is {vault.status}{reason}"
    if vault.frozen_scene:
        return f"the vault is frozen ({vault.frozen_scene})"
    if vault.status == "lock":
        return NoProblem("its capacity is being changed")
    if vault.status != "available":
        return Unknown("billing.status" if vault.status is None else f"a billing.status that is known ({vault.status})")
    return Unknown("billing.frozen_scene") if "billing.frozen_scene" in vault.unreadable else None
