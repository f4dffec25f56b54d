"""What rules are about, and how a finding names it."""

from datetime import datetime, timezone
from typing import NamedTuple

import msgspec

from cbr_auditor.cbr.policies import Policy
from cbr_auditor.cbr.records import Backup, ListedBackup
from cbr_auditor.cbr.tasks import Task
from cbr_auditor.cbr.vaults import Vault
from cbr_auditor.resource import Resource
from cbr_auditor.waiver import Waiver


class Target(msgspec.Struct, gc=False):
    """One project in one region, with what was listed there for the rule that asks."""

    project_id: str
    region: str | None = None
    name: str | None = None
    backups: int = 0
    """How many backups were read."""
    resources: int = 0
    """How many protected resources have a backup."""
    vaults: tuple[Vault, ...] = ()
    """Filled only for rules that list vaults."""
    policies: tuple[Policy, ...] = ()
    """Filled only for rules that list policies."""
    tasks: tuple[Task, ...] = ()
    """The tasks that the rule asked for, newest first."""
    tasks_unseen: str | None = None
    """Which of these tasks may exist without being among them; None where all were seen."""
    listed_at: datetime = datetime.min.replace(tzinfo=timezone.utc)
    """When the audit began."""


Subject = Backup | Resource | Vault | Policy | Task | Target | Waiver

NOUNS: dict[type, str] = {
    Backup: "backup",
    Resource: "resource",
    Vault: "vault",
    Policy: "policy",
    Task: "task",
    Target: "target",
    Waiver: "waiver",
}
"""A subject's class and its word: the prefix of its rules' ids."""


class Identity(NamedTuple):
    """Who a finding is about: what report.json says of it, and what waivers and overrides select by."""

    id: str
    name: str | None = None
    backup_id: str | None = None
    backup_name: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    resource_type: str | None = None
    vault_id: str | None = None


def identify(subject: Subject | ListedBackup) -> Identity:
    """Who a subject is."""
    if isinstance(subject, (Backup, ListedBackup)):
        return Identity(
            subject.id,
            subject.name,
            subject.id,
            subject.name,
            subject.resource_id,
            subject.resource_name,
            subject.resource_type,
            subject.vault_id,
        )
    if isinstance(subject, Resource):
        vaults = subject.vault_ids or tuple(vault.id for vault in subject.vaults)
        return Identity(
            subject.id,
            subject.name,
            resource_id=subject.id,
            resource_name=subject.name,
            resource_type=subject.type,
            vault_id=vaults[0] if len(vaults) == 1 else None,
        )
    if isinstance(subject, Vault):
        return Identity(subject.id, subject.name, vault_id=subject.id)
    if isinstance(subject, Task):
        return Identity(
            subject.id,
            subject.operation_type,
            backup_id=subject.backup_id,
            resource_id=subject.resource_id,
            resource_name=subject.resource_name,
            resource_type=subject.resource_type,
            vault_id=subject.vault_id,
        )
    if isinstance(subject, Policy):
        return Identity(subject.id, subject.name)
    if isinstance(subject, Target):
        return Identity(subject.project_id, subject.name or subject.project_id)
    return Identity(subject.label, subject.label)
