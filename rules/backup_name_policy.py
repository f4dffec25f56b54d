"""Backup is named against the convention.

In an emergency names are what people search by; a backup that breaks the convention is not found in time.

Rename it (Huawei Cloud), or set the policy's or the script's name for backups. The option pattern is a regular
expression that must be found in the name; without one nothing is reported.
"""

import re

from cbr_auditor.rule import Backup, Severity, Unknown

severity = Severity.INFO
controls = ()
reference = "CBR API, Querying All Backups: name"
since = "created_at"


def check(backup: Backup, *, pattern: re.Pattern[str] = re.compile("")) -> str | Unknown | None:
    """Fail where the pattern is not found in the backup's name; `^` and `$` bind it to the ends."""
    if not pattern.pattern:
        return None
    if backup.name is None:
        return Unknown("name")
    return None if pattern.search(backup.name) else f"the name does not fit {pattern.pattern}"
