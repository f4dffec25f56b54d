"""SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format) for code scanning.

GitHub takes every result for an alert, whatever its `kind`, and refuses a file with a result that has no location: so
nothing that passed is a result, and what a result is about is shown as a path.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec

from cbr_auditor.finding import Finding
from cbr_auditor.formats.material import ADVICE, COVERAGE, WHY, Gap, Material, clean, gaps, write_items
from cbr_auditor.report import Report, RuleResult
from cbr_auditor.rule import Severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""GitHub's `security-severity`: above 9 is critical, from 7 high, from 4 medium, from 0.1 low."""
_MOST_NAMED = 3  # projects in the category


def write(material: Material, file: BinaryIO) -> None:
    """Write the log with one run; the results pass through and are not kept."""
    report = material.report
    unseen = gaps(report)
    head = {
        "tool": {"driver": _driver(material)},
        "automationDetails": {"id": _category(report)},
        "invocations": [_invocation(report, unseen)],
        "columnKind": "utf16CodeUnits",
        "properties": _properties(report),
    }
    run = msgspec.json.encode(head)
    file.write(b'{"$schema": ' + msgspec.json.encode(SCHEMA) + b', "version": "2.1.0", "runs": [\n')
    file.write(run[:-1] + b',\n"results": ')
    write_items(file, _results(material, unseen))
    file.write(b"}\n]}\n")


def _driver(material: Material) -> dict[str, Any]:
    report = material.report
    return {
        "name": "cbr-auditor",
        "version": report.auditor_version,
        "semanticVersion": report.auditor_version,
        "rules": [*(_descriptor(rule, material.page(rule.id)) for rule in report.rules), _COVERAGE_RULE],
    }


def _descriptor(rule: RuleResult, page: str) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.why or rule.title},
        "help": {"text": rule.advice, "markdown": page},
        **_severity(rule.severity, [clean(control) for control in rule.controls]),
    }


def _severity(severity: Severity, tags: list[str]) -> dict[str, Any]:
    """The level, and for GitHub the score, which counts only beside the tag `security`."""
    score = {"security-severity": _SCORES[severity]} if severity in _SCORES else {}
    tags = ["security", *tags] if score else tags
    return {
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": tags, **score, "severity": severity.value},
    }


_COVERAGE_RULE = {
    "id": COVERAGE,
    "shortDescription": {"text": "Not everything was seen."},
    "fullDescription": {"text": WHY},
    "help": {"text": ADVICE, "markdown": f"# Not everything was seen\n\n{WHY}\n\n{ADVICE}\n"},
    **_severity(Severity.HIGH, []),
}


def _category(report: Report) -> str:
    """What a later run replaces: the same projects. Another auditor's alerts are not closed by this run's."""
    names = sorted({f"{target.region or 'region'}/{target.project_id}" for target in report.coverage})
    category = "+".join(names)
    if len(names) > _MOST_NAMED:
        digest = hashlib.sha256(category.encode("utf-8", "replace")).hexdigest()
        category = f"{len(names)}-projects-{digest[:12]}"
    return "/".join(["cbr-auditor", quote(category, safe="/+"), report.run_id])


def _invocation(report: Report, unseen: list[Gap]) -> dict[str, Any]:
    index = {rule.id: number for number, rule in enumerate(report.rules)}
    notes = []
    for gap in unseen:
        note: dict[str, Any] = {
            "level": _LEVELS[gap.severity],
            "message": {"text": _message(f"{gap.about}: {gap.message}")},
        }
        if gap.rule is not None:
            note["associatedRule"] = {"id": gap.rule.id, "index": index[gap.rule.id]}
        notes.append(note)
    return {
        "executionSuccessful": report.complete and report.audited,
        "startTimeUtc": report.started_at,
        "endTimeUtc": report.finished_at,
        "toolExecutionNotifications": notes,
        "toolConfigurationNotifications": [
            {"level": "note", "message": {"text": _message(f"Not looked at: {sentence}")}}
            for sentence in report.not_looked_at
        ],
    }


def _properties(report: Report) -> dict[str, Any]:
    return {
        "runId": report.run_id,
        "verdict": report.verdict,
        "complete": report.complete,
        "headline": clean(report.headline),
        "profile": report.profile,
        "summary": report.summary,
    }


def _results(material: Material, unseen: list[Gap]) -> Iterator[dict[str, Any]]:
    index = {rule.id: number for number, rule in enumerate(material.report.rules)}
    yield from (_gap(gap, len(index)) for gap in unseen)
    yield from (_result(finding, index[finding.rule]) for finding in material.findings)


def _gap(gap: Gap, index: int) -> dict[str, Any]:
    if gap.target is not None:
        parts = [gap.target.region, gap.target.project_id, "project"]
    else:
        parts = ["rules", gap.rule.id] if gap.rule else ["audit"]
    return {
        "ruleId": COVERAGE,
        "ruleIndex": index,
        "kind": "fail",
        "level": _LEVELS[gap.severity],
        "message": {"text": _message(f"{gap.about}: {gap.message}")},
        "locations": [_location(parts, gap.about)],
        "partialFingerprints": _fingerprints(gap.id),
        "suppressions": [],
        "properties": {"outcome": "unseen", "severity": gap.severity.value},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    """A finding. An undecided one is `open`, and then its level must be `none` (SARIF 3.27.10)."""
    failed = finding.outcome == "fail"
    about = clean(finding.about)
    parts = [finding.region, finding.project_id, finding.subject, finding.subject_id or finding.backup_id]
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": "fail" if failed else "open",
        "level": _LEVELS[finding.severity] if failed else "none",
        "message": {"text": _message(f"{about}: {finding.message}")},
        "locations": [_location(parts, about)],
        "partialFingerprints": _fingerprints(finding.id),
        "suppressions": _suppressions(finding),
        "properties": {
            "outcome": finding.outcome,
            "severity": finding.severity.value,
            "projectId": clean(finding.project_id),
            "subject": finding.subject,
            "subjectId": clean(finding.subject_id),
            "resourceId": clean(finding.resource_id),
            "backupId": clean(finding.backup_id),
            "vaultId": clean(finding.vault_id),
            "since": finding.since,
        },
    }


def _suppressions(finding: Finding) -> list[dict[str, Any]]:
    """The waiver. Where there is none the list is empty: a run's results have the list all or none (SARIF 3.27.23)."""
    waiver = finding.waiver
    if waiver is None:
        return []
    justification = clean(f"{waiver.reason} (accepted by {waiver.owner} until {waiver.expires})")
    return [{"kind": "external", "status": "accepted", "justification": justification}]


def _location(parts: list[str | None], about: str) -> dict[str, Any]:
    """Where the finding stands, as a path that is the same in every run; it names no file."""
    path = "/".join(quote(clean(part), safe="") for part in parts if part)
    return {
        "physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": 1}},
        "logicalLocations": [{"name": about, "fullyQualifiedName": path, "kind": "resource"}],
    }


def _fingerprints(ident: str) -> dict[str, str]:
    """The finding's id, also by the one name that GitHub knows, lest it looks for a source file to hash."""
    return {"findingId/v1": ident, "primaryLocationLineHash": f"{ident.removeprefix('sha256:')}:1"}


def _message(text: str) -> str:
    """A plain text message: braces doubled (SARIF 3.11.5), and nothing that a viewer takes for a link (3.11.6)."""
    text = clean(text).replace("{", "{{").replace("}", "}}")
    if "](" in text:
        text = text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return text
