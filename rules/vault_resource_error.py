"""Vault cannot protect a resource.

CBR says that the resource's association with the vault is in error: it is not backed up until that is mended.

Read the resource's tasks, then associate it again. To dissociate it deletes all its backups: copy or restore what you
need before.

API: POST /v3/{project_id}/vaults/{vault_id}/addresources with the resource's id and type.

Limits: a resource whose source is gone (deleted) is no error: its backups are kept. A vault that takes copies says
nothing of its resources.
"""

from cbr_auditor.rule import Severity, Unknown, Vault

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-07",
    "grundschutz-2023:CON.3.A5",
    "nist-800-53r5:CP-9",
    "nist-800-53r5:CA-7",
)
reference = "CBR API, Querying the Vault List: resources, protect_status"
_WELL = {"available", "protecting", "restoring", "removing", "deleted"}
_SHOWN = 5


def check(vault: Vault) -> str | Unknown | None:
    """Fail where a resource of a vault has the `protect_status` error."""
    members = vault.resources or ()
    failed = [member.label for member in members if member.protect_status == "error"]
    if failed:
        more = f" and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        return f"the vault cannot protect {', '.join(failed[:_SHOWN])}{more}"
    if vault.makes_backups is False:
        return None
    if vault.resources is None or "resources" in vault.unreadable:
        return Unknown("resources")
    unclear = [member.label for member in members if member.protect_status not in _WELL]
    return Unknown(f"a protect_status that is known of {', '.join(unclear[:_SHOWN])}") if unclear else None
