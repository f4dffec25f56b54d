"""The command `explain`: one finding of a report, the record behind it, the options in force, the clauses."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cbr_auditor.catalogue import Catalogue
from cbr_auditor.clock import Deadline, SystemClock
from cbr_auditor.control import read_controls
from cbr_auditor.errors import AuditorError, SettingsError
from cbr_auditor.layout import resource_folder
from cbr_auditor.plan import Plans
from cbr_auditor.rule import Rule
from cbr_auditor.rule_commands import option_source, settings_of
from cbr_auditor.rule_page import shown
from cbr_auditor.run import catalogue_of, targets_of
from cbr_auditor.settings import Settings
from cbr_auditor.subject import Identity
from cbr_auditor.text import one_line

_SECONDS = 60.0  # for the one request
_RECORDS = {"backup": "backups", "vault": "vaults", "policy": "policies", "task": "operation-logs"}
_SHORTEST_ID = 6


class _Findings(msgspec.Struct):
    """What is read of report.json."""

    findings: list[dict[str, Any]]
    waived: list[dict[str, Any]] = []


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `explain`."""
    parser.add_argument("finding", metavar="FINDING-ID", help="its id in report.json, or how it begins")
    parser.add_argument(
        "--report", type=Path, default=Path("out/report.json"), help="the report (default: out/report.json)"
    )
    parser.add_argument("--config", type=Path, help="the auditor.toml to read (AUDITOR_CONFIG)")


def main(arguments: argparse.Namespace) -> int:
    """Print what is known about a finding; the record itself is asked for where the settings allow it."""
    finding = _find(arguments.finding, arguments.report)
    settings = settings_of(arguments, signing_in=True)
    catalogue = catalogue_of(settings)
    for line in (*_about(finding), *_rule(finding, catalogue), *_record(finding, settings)):
        print(line)
    return 0


def _find(ident: str, path: Path) -> dict[str, Any]:
    wanted = ident if ident.startswith("sha256:") else f"sha256:{ident}"
    try:
        report = msgspec.json.decode(path.read_bytes(), type=_Findings)
    except OSError as problem:
        raise SettingsError(
            f"{path} cannot be read: {problem.strerror}", "Name the report.json of a run by --report."
        ) from None
    except msgspec.MsgspecError as problem:
        raise SettingsError(f"{path} is no report: {problem}", "Name the report.json of a run by --report.") from None
    if len(wanted) < len("sha256:") + _SHORTEST_ID:
        raise SettingsError(f"{ident!r} is too short for a finding's id", f"Give {_SHORTEST_ID} characters or more.")
    found = [finding for finding in (*report.findings, *report.waived) if finding["id"].startswith(wanted)]
    if not found:
        raise SettingsError(f"{path} has no finding {ident!r}", "Copy the id from report.json or findings.csv.")
    if len(found) > 1:
        raise SettingsError(f"{len(found)} findings of {path} begin with {ident!r}", "Give more of the id.")
    return found[0]


def _about(finding: dict[str, Any]) -> Iterator[str]:
    yield f"{finding['rule']} ({finding['severity']}, {finding['outcome']}): {one_line(finding['message'], 500)}"
    yield ""
    for name, value in finding.items():
        if value is not None and name not in {"rule", "severity", "outcome", "message"}:
            yield f"  {name:14} {one_line(value if isinstance(value, str) else json.dumps(value), 300)}"


def _rule(finding: dict[str, Any], catalogue: Catalogue) -> Iterator[str]:
    ident = finding["rule"]
    yield ""
    if ident not in catalogue.known:
        yield f"The rule {ident} is not among the rules here."
        return
    rule = next((rule for rule in catalogue.rules if rule.id == ident), catalogue.known[ident])
    yield f"{rule.title}. {rule.why}"
    yield f"What to do: {rule.advice}"
    yield ""
    yield from _options(finding, rule, catalogue)
    yield "Supports evidence for:"
    controls = read_controls(resource_folder("rules"))
    yield from (f"  {control:30} {controls.title(control)}" for control in rule.controls)


def _options(finding: dict[str, Any], rule: Rule, catalogue: Catalogue) -> Iterator[str]:
    """The options that judge what the finding is about, each with where it comes from."""
    names = {key: finding.get(key) for key in ("resource_id", "resource_name", "resource_type", "vault_id")}
    who = Identity(finding.get("subject_id") or "", finding.get("subject_name"), **names)
    plan = Plans(catalogue.rules, catalogue.overrides, finding["project_id"], {}).for_subject(who)
    index = next((index for index, other in enumerate(catalogue.rules) if other.id == rule.id), None)
    if index is None or index not in plan.values:
        yield "The rule is off for it now."
        return
    yield "Options in force:" if rule.options else "It has no options."
    for option in rule.options:
        source = option_source(rule, option.name, plan.overrides, catalogue)
        yield f"  {option.name} = {shown(plan.values[index][option.name])} ({source})"
    for override in catalogue.overrides:
        if override.lists_vaults and (override.off or rule.id in override.rules):
            yield f"  {override.place} may change that: it selects by vaults, which were not listed here"


def _record(finding: dict[str, Any], settings: Settings) -> Iterator[str]:
    """The record as the cloud gives it now; why not, where it cannot be had."""
    yield ""
    kind = _RECORDS.get(finding.get("subject", "backup"))
    ident = finding.get("subject_id") or finding.get("backup_id")
    if kind is None or not ident:
        yield f"There is no one record behind a finding about a {finding.get('subject')}."
        return
    try:
        record = _fetch(settings, finding["project_id"], kind, ident)
    except AuditorError as problem:
        yield f"The record itself could not be fetched: {problem}"
        return
    yield "The record, as the cloud gives it now:"
    for name, value in record.items():
        yield f"  {one_line(name, 40):22} {one_line(json.dumps(value), 300)}"


def _fetch(settings: Settings, project_id: str, kind: str, ident: str) -> dict[str, Any]:
    targets = targets_of(settings, Deadline(SystemClock(), _SECONDS))
    target = next((target for target in targets if target.project_id == project_id), None)
    if target is None:
        raise SettingsError(f"the settings name no project {project_id}", "Set AUDITOR_PROJECT_ID to it.")
    client = target.connect()
    try:
        return client.record(kind, ident)
    finally:
        client.close()
