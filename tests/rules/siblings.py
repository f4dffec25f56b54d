"""A resource's backups for tests of rules about resources, added as the audit adds them."""

from datetime import timedelta
from typing import Any

from cbr_auditor.cbr.records import Backup
from cbr_auditor.resource import Resource
from tests.fakes import NOW, make_backup


def aged(hours: float | None, **changes: Any) -> Backup:
    """A backup of so many hours ago, which ends in a month; None where it does not say when it was made."""
    created = None if hours is None else NOW - timedelta(hours=hours)
    return make_backup(**{"id": f"b{hours}", "created_at": created, **changes})


def of(*backups: Backup, unseen: str | None = None, **changes: Any) -> Resource:
    """The resource that these are backups of."""
    resource = Resource("r", listed_at=NOW, unseen=unseen, **changes)
    for backup in backups:
        resource.add(backup)
    return resource
