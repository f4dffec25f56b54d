"""Resource's name does not say whose it is.

When its backup fails at night nobody knows whom to call.

Rename it so that it begins with its team, as "erp-" or "web-", or add the team to the option teams.

Limits: only the name is looked at; CBR does not list the tags of what it backs up.
"""

from cbr_auditor.rule import Resource, Severity, Unknown

severity = Severity.LOW
controls = ("iso27001-2022:A.8.13", "acme:OPS-3")
reference = "CBR API, Querying All Backups: resource_name; Acme's naming convention"


def check(resource: Resource, *, teams: tuple[str, ...] = ("erp", "web")) -> str | Unknown | None:
    """Fail where the name begins with none of the `teams` and a hyphen."""
    if resource.name is None:
        return Unknown("resource_name")
    if resource.name.startswith(tuple(f"{team}-" for team in teams)):
        return None
    return f"{resource.name} begins with no team"
