"""OCSF Compliance Findings (class 2003) for a SIEM or a security lake: a JSON list, as Prowler writes it.

Schema 1.5.0 (https://schema.ocsf.io/1.5.0/classes/compliance_finding) with the profile `cloud`. An event stands on a
line of its own.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from cbr_auditor.finding import Finding
from cbr_auditor.formats.material import (
    ADVICE,
    COVERAGE,
    WHY,
    Gap,
    Material,
    clean,
    gaps,
    ident_of,
    ident_of_rule,
    passed,
    place,
    write_items,
)
from cbr_auditor.report import Report, RuleResult, TargetCoverage
from cbr_auditor.rule import Severity

VERSION = "1.5.0"

_SEVERITIES = {
    Severity.CRITICAL: (5, "Critical"),
    Severity.HIGH: (4, "High"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.LOW: (2, "Low"),
    Severity.INFO: (1, "Informational"),
}
_STATUSES = {"pass": (1, "Pass"), "unknown": (2, "Warning"), "unseen": (2, "Warning"), "fail": (3, "Fail")}
"""Warning is OCSF's word for a check that "did not yield a result due to missing information"."""
_NEW, _SUPPRESSED = (1, "New"), (3, "Suppressed")
_PROVIDERS = {
    "t-systems.com": "Open Telekom Cloud",
    "myhuaweicloud.com": "Huawei Cloud",
    "myhuaweicloud.eu": "Huawei Cloud",
}

_Event = dict[str, Any]


def write(material: Material, file: BinaryIO) -> None:
    """Write the events; the findings pass through and are not kept."""
    write_items(file, _events(material))
    file.write(b"\n")


def _events(material: Material) -> Iterator[_Event]:
    """First what was and was not seen of each target, then the rules that passed, then every finding."""
    report = material.report
    unseen = gaps(report)
    seen = {id(gap.target) for gap in unseen}
    clouds = {(target.project_id, target.region): _cloud(target) for target in report.coverage}
    bases = {rule.id: _rule_base(rule, report) for rule in report.rules}
    yield from (_gap(gap, report) for gap in unseen)
    yield from (_target_seen(target, report) for target in report.coverage if id(target) not in seen)
    yield from (_rule_passed(rule, bases[rule.id], report) for rule in report.rules if _passes(rule, report))
    for finding in material.findings:
        cloud = clouds.get((finding.project_id, finding.region))
        yield _finding(finding, bases[finding.rule], cloud, report)


def _event(
    report: Report, ident: str, outcome: str, severity: Severity, message: str, base: Mapping[str, Any]
) -> _Event:
    """What all events have. Without a history nobody knows whether a finding is new, so each is a `Create`."""
    severity_id, severity_name = _SEVERITIES[severity]
    status_id, status = _STATUSES[outcome]
    message = clean(message)
    return {
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "type_uid": 200301,
        "type_name": "Compliance Finding: Create",
        "time": _milliseconds(report.finished_at),
        "severity_id": severity_id,
        "severity": severity_name,
        "message": message,
        "status_code": outcome,
        "status_detail": message,
        "metadata": {**base["metadata"], "uid": f"{report.run_id}/{ident}"},
        "finding_info": {**base["finding_info"], "uid": ident},
        "compliance": {**base["compliance"], "status_id": status_id, "status": status, "status_details": [message]},
        "remediation": base["remediation"],
    }


def _rule_base(rule: RuleResult, report: Report) -> _Event:
    """What all events of a rule have."""
    frameworks = {framework.id: framework.name for framework in report.frameworks}
    controls = [clean(control) for control in rule.controls]
    standards = {control.partition(":")[0] if ":" in control else "" for control in controls}
    base = _base(report, rule.id, rule.title, rule.why or rule.title, rule.advice)
    base["compliance"] |= {
        "standards": sorted(frameworks.get(name) or name for name in standards if name),
        "requirements": controls,
    }
    return base


def _base(report: Report, ident: str, title: str, why: str, advice: str) -> _Event:
    version = report.auditor_version
    return {
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud"],
            "product": {"name": "cbr-auditor", "vendor_name": "cbr-auditor", "version": version},
            "correlation_uid": report.run_id,
            "event_code": ident,
            "log_name": "cbr-auditor",
        },
        "finding_info": {
            "title": title,
            "desc": why,
            "analytic": {"uid": ident, "name": title, "type_id": 1, "type": "Rule", "version": version},
        },
        "compliance": {"control": ident, "desc": title, "standards": [], "requirements": []},
        "remediation": {"desc": advice},
    }


def _finding(finding: Finding, base: _Event, cloud: _Event | None, report: Report) -> _Event:
    event = _event(report, finding.id, finding.outcome, finding.severity, finding.message, base)
    status_id, status = _SUPPRESSED if finding.waiver else _NEW
    event |= {"status_id": status_id, "status": status, "resources": list(_resources(finding))}
    if cloud is not None:
        event["cloud"] = cloud
    if finding.since is not None:
        event["finding_info"]["first_seen_time"] = _milliseconds(finding.since)
    if finding.waiver is not None:
        waiver = finding.waiver
        event["comment"] = clean(f"Accepted by {waiver.owner} until {waiver.expires}: {waiver.reason}")
    return event


def _resources(finding: Finding) -> Iterator[_Event]:
    """What the finding is about, and what else is known of it: its backup, its resource, its vault."""
    own = (finding.subject, finding.subject_id, finding.subject_name)
    others = (
        ("backup", finding.backup_id, finding.backup_name),
        ("resource", finding.resource_id, finding.resource_name),
        ("vault", finding.vault_id, None),
    )
    for noun, uid, name in (own, *(other for other in others if other[0] != finding.subject)):
        kind = finding.resource_type if noun == "resource" and finding.resource_type else f"CBR {noun}"
        known = {"uid": uid, "name": name, "type": kind, "namespace": finding.project_id, "region": finding.region}
        if uid or name:
            yield {key: clean(text) for key, text in known.items() if text}


def _gap(gap: Gap, report: Report) -> _Event:
    base = _base(report, COVERAGE, "Not everything was seen", WHY, ADVICE)
    event = _event(report, gap.id, "unseen", gap.severity, f"{gap.about}: {gap.message}", base)
    event |= {"status_id": _NEW[0], "status": _NEW[1]}
    if gap.target is not None:
        event["cloud"] = _cloud(gap.target)
    return event


def _target_seen(target: TargetCoverage, report: Report) -> _Event:
    base = _base(report, COVERAGE, "Everything was seen", "What the audit was asked to look at was seen.", ADVICE)
    said = f"{place(target)}: all of {target.listed:,} backups were read"
    return {**_event(report, ident_of(target), "pass", Severity.INFO, said, base), "cloud": _cloud(target)}


def _passes(rule: RuleResult, report: Report) -> bool:
    """Whether the rule passed everywhere, with something to judge and everything seen."""
    other = rule.superseded + rule.superseded_waived + rule.not_examined
    return bool(passed(rule, report)) and not rule.failed + rule.unknown + rule.waived + other


def _rule_passed(rule: RuleResult, base: _Event, report: Report) -> _Event:
    said = f"no finding: {rule.counted(rule.checked)}"
    return _event(report, ident_of_rule(rule), "pass", Severity.INFO, said, base)


def _cloud(target: TargetCoverage) -> _Event:
    host = urlsplit(target.endpoint).hostname or ""
    provider = next((name for domain, name in _PROVIDERS.items() if host.endswith(f".{domain}")), host or "unknown")
    account = {"uid": target.project_id, "name": clean(target.name or target.project_id), "type_id": 99}
    cloud: _Event = {"provider": provider, "account": {**account, "type": "Project"}}
    return {**cloud, "region": clean(target.region)} if target.region else cloud


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
