"""Frameworks and their clauses: the table `rules/controls.toml`, to which rules point with their `controls`.

A control is written `framework:clause`. A rule may name one that the table does not have, as an operator's own
framework: it is shown as it stands.
"""

from pathlib import Path

import msgspec

from cbr_auditor.auditor_toml import read_toml

UNLISTED = "Not in the table of controls"
"""What is said of a control that only a rule names."""


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One clause that backups are evidence for."""

    code: str
    """What it is about, a key of `Controls.codes`."""
    title: str
    """In our own words."""
    unassessed: str = ""
    """Why no rule can be behind it, as a sentence; empty where rules are."""


class Framework(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A framework and where its ids come from."""

    name: str
    edition: str
    publisher: str
    document: str
    verified: str
    """Where each id was seen."""
    clauses: dict[str, Clause]
    note: str = ""
    """What a reader should know about it, as sentences."""


class Controls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table, in its order."""

    codes: dict[str, str]
    frameworks: dict[str, Framework]

    def find(self, control: str) -> tuple[Framework, Clause] | None:
        """The framework and the clause of a control; None for one that is not in the table."""
        framework, clause = split(control)
        found = self.frameworks.get(framework)
        return (found, found.clauses[clause]) if found and clause in found.clauses else None

    def title(self, control: str) -> str:
        """The framework's name and the clause's title; `UNLISTED` where the table does not have it."""
        found = self.find(control)
        return f"{found[0].name}: {found[1].title}" if found else UNLISTED


def split(control: str) -> tuple[str, str]:
    """The framework and the clause of a control; without a colon all of it is the clause."""
    framework, colon, clause = control.partition(":")
    return (framework, clause) if colon else ("", control)


def read_controls(folder: Path) -> Controls:
    """The table in the folder of our rules."""
    return msgspec.convert(read_toml(folder / "controls.toml"), Controls)
