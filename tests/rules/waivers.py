"""A waiver for tests of rules."""

from datetime import date
from typing import Any

from cbr_auditor.waiver import Waiver
from tests.fakes import NOW


def make_waiver(**changes: Any) -> Waiver:
    """A waiver in force that matched nothing so far."""
    fields: dict[str, Any] = {
        "rule": "backup-error",
        "resource": ("erp-*", "db-1"),
        "reason": "the server is rebuilt",
        "owner": "dba@example.com",
        "expires": date(2027, 3, 31),
        "listed_at": NOW,
    }
    return Waiver(**{**fields, **changes})
