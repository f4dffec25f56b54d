"""All backups are in one vault.

Who can delete or misconfigure that vault can take every copy at once. The 3-2-1 rule asks for a second place.

Replicate the backups to a vault in another region, or back the resource up to a second vault.

Limits: copies in other regions are seen only with show_replication = "true" under [listing].
"""

from cbr_auditor.rule import Resource, Severity, Unknown

severity = Severity.INFO
controls = (
    "bsi-c5-2020:OPS-09",
    "grundschutz-2023:CON.3.A12",
    "nis2-2024-2690:4.2.2(c)",
    "nist-800-53r5:CP-9(3)",
    "cis-8.1:11.4",
)
reference = "CBR API, Querying All Backups: vault_id"


def check(resource: Resource) -> str | Unknown | None:
    """Fail where all good backups of a resource lie in one vault and none is known to have been replicated.

    What is in vaults alone that take copies, as these say where they are listed, is itself the second copy.
    """
    if not resource.good or len(resource.vault_ids) > 1 or resource.replicated_at is not None or resource.is_copy:
        return None
    if resource.unseen:
        return Unknown(resource.unseen)
    if resource.vaultless:
        return Unknown("vault_id of a good backup")
    (ident,) = resource.vault_ids
    name = next((vault.label for vault in resource.vaults if vault.id == ident), ident)
    if resource.good == 1:
        return f"its only good backup is in vault {name}"
    return f"all {resource.good} good backups are in vault {name}"
