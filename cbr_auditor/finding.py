"""A finding: one problem of one subject, or what could not be decided of it: a row of report.json and findings.csv."""

import hashlib
from datetime import date, datetime, timedelta

import msgspec

from cbr_auditor.rule import Severity


class Waived(msgspec.Struct, frozen=True, gc=False):
    """Why a finding is accepted, by whom, and until when."""

    reason: str
    owner: str
    expires: date
    """The last day, in UTC, on which it is."""


class Finding(msgspec.Struct, gc=False):
    """One problem of one backup, resource, vault, policy, task or target, or what could not be decided of it."""

    id: str
    """Stable over runs: the same problem of the same subject has the same id every day."""
    rule: str
    severity: Severity
    outcome: str
    """`fail` or `unknown`."""
    project_id: str
    region: str | None
    backup_id: str | None
    backup_name: str | None
    resource_id: str | None
    resource_name: str | None
    resource_type: str | None
    vault_id: str | None
    message: str
    """The problem as one sentence without a full stop."""
    since: datetime | None
    """When the problem began, as the data shows it."""
    subject: str = "backup"
    """What it is about: `backup`, `resource`, `vault`, `policy`, `task`, `target` or `waiver`."""
    subject_id: str | None = None
    subject_name: str | None = None
    waiver: Waived | None = None
    """Why it is accepted; only the findings in `waived` have one."""

    @property
    def about(self) -> str:
        """The name of what it is about, as people say it: of a backup, what it is a backup of."""
        own = self.resource_name or self.resource_id if self.subject in {"backup", "resource"} else None
        return own or self.subject_name or self.subject_id or "unnamed"


def finding_id(rule: str, project_id: str, subject_id: str) -> str:
    """The id of what a rule finds of a subject."""
    identity = f"{rule}\n{project_id}\n{subject_id}"
    return "sha256:" + hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()


def whole_seconds(time: datetime) -> datetime:
    """The time without its fraction of a second, as a finding shows it."""
    return time - timedelta(microseconds=time.microsecond)


def text_of(time: datetime) -> str:
    """The time as a finding's file shows it: without its fraction of a second. A naive one means UTC."""
    text: str = msgspec.to_builtins(time)
    return f"{text[:19]}Z" if text[-1] == "Z" or time.tzinfo is None else msgspec.to_builtins(whole_seconds(time))


def time_of(text: str) -> datetime:
    """The time that a finding's file shows."""
    return msgspec.convert(text, datetime)
