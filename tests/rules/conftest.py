from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.catalogue import load_rules
from cbr_auditor.cbr.records import Backup
from cbr_auditor.resource import Resource
from cbr_auditor.rule import Outcome, Rule

RULES = Path(__file__).parent.parent.parent / "rules"


def load(ident: str, **options: Any) -> Rule:
    """One rule with options in force."""
    return next(rule for rule in load_rules([RULES], {ident: options}) if rule.id == ident)


Judge = Callable[..., Outcome]


@pytest.fixture
def judge() -> Judge:
    """Asks one rule about a backup and, where it wants them, its siblings."""

    def ask(ident: str, backup: Backup, *siblings: Backup, unseen: str | None = None, **options: Any) -> Outcome:
        rule = load(ident, **options)
        if not rule.takes_resource:
            return rule.check(backup)
        resource = Resource(backup.resource_id or "", unseen=unseen)
        for sibling in (backup, *siblings):
            resource.add(sibling)
        return rule.check(backup, resource)

    return ask
