"""Reports that the page and its plain twin are tested with."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cbr_auditor.finding import Finding
from cbr_auditor.report import FrameworkResult, Report, RuleGroup, RuleResult, Summary, Trigger
from cbr_auditor.rule import Severity
from tests.fakes import (
    NOW,
    make_clause,
    make_coverage,
    make_finding,
    make_framework,
    make_report,
    make_rule_result,
)

NO_FINDINGS = {severity.value: 0 for severity in Severity}
REFUSAL = "cbr.eu-de.otc.t-systems.com answered 403 (BackupService.0403 no permission) [request 4f1c]"
MEND = "Grant the IAM action cbr:backups:list in project 0605767b5780d5762fc5c0118072a564 to the agency or user."
PROBLEMS = [
    "cbr.eu-de.otc.t-systems.com answered 502 [request 4f1c], after 9 tries. CBR is in trouble: run again.",
    "About 9 of 215 backups were not seen.",
    "Row 17 of the list could not be read: expected str, got int at $.id.",
]


@dataclass(frozen=True)
class _Case:
    """What one rule says and found."""

    title: str
    severity: Severity
    why: str
    advice: str
    message: str
    failed: int = 0
    unknown: int = 0
    errors: int = 0


# Not our rules of today: a change of theirs is no change of the page.
_CASES = {
    "backup-error": _Case(
        "Backup failed",
        Severity.HIGH,
        "CBR could not finish this backup: there is nothing to restore from it.",
        "Read the task's error, mend its cause, back up again.",
        "the backup failed",
        failed=3,
    ),
    "backup-unencrypted": _Case(
        "Backup is not encrypted",
        Severity.HIGH,
        "Whoever gets at the backup can read the data. A backup is encrypted exactly when its source disk is.",
        "Move the data to an encrypted disk: its backups follow. Then delete the old backups.",
        "1 of 2 disks is not encrypted: data-01",
        failed=1031,
        unknown=12,
    ),
    "backup-expiring": _Case(
        "Backup expires soon and nothing newer outlasts it",
        Severity.MEDIUM,
        "After its expiry CBR deletes the backup, and no newer backup of the same resource is kept longer.",
        "Make or keep a newer backup, or extend this one if it is still needed; if it is not, let it go.",
        "the backup expires on 2026-11-26 at 23:00 UTC and no newer backup outlasts it",
        failed=5,
        unknown=1,
    ),
    "backup-stuck": _Case(
        "Backup has been in progress for too long",
        Severity.MEDIUM,
        "A backup that does not move blocks the ones behind it, and no restore point comes of it.",
        "Look at the task in the console.",
        "the backup has been protecting for 31 hours",
        failed=3,
        errors=2,
    ),
    "backup-not-automatic": _Case(
        "Backup was made by hand",
        Severity.LOW,
        "A backup that depends on a person is missing on the day that the person is.",
        "Bind the vault to a backup policy.",
        "the backup was made by hand, not by a policy",
        failed=27,
        unknown=3,
    ),
    "backup-unknown-status": _Case(
        "Backup has a status that CBR does not document",
        Severity.LOW,
        "Nobody can say whether this backup can be restored.",
        "Ask the cloud's support.",
        "the status melted is not documented",
    ),
    "backup-without-expiry": _Case(
        "Automatic backup has no end date",
        Severity.INFO,
        "A policy made it and nothing says when it may go. That may be meant, and it costs.",
        "Look at the policy's retention rule.",
        "the backup has no end date",
        failed=9,
    ),
}
_RESOURCES = [
    ("db-prod-01", "OS::Nova::Server"),
    ("web-frontend-02", "OS::Cinder::Volume"),
    ("<script>alert(1)</script>", "OS::Sfs::Turbo"),
    ("文件服务器备份-生产环境", "OS::Native::Server"),
]


def full_report(**changes: Any) -> Report:
    """Everything at once: failures, undecided and crashed checks, a broken listing, filters, notes."""
    rules = [_result(ident, case) for ident, case in _CASES.items()]
    coverage = make_coverage(
        unreadable=1,
        reported_count=215,
        complete=False,
        narrowed={"status": ["available", "error"]},
        problems=PROBLEMS,
        notes=["3 backups were deleted while the list was read; they were judged."],
    )
    fields: dict[str, Any] = {
        "complete": False,
        "headline": "1,034 high findings in 2,040 backups",
        "reasons": ["1,034 high findings (severity high or worse fails the audit).", "Not everything was seen."],
        "rules": rules,
        "groups": [_group(rule) for rule in rules if rule.failed or rule.unknown or rule.errors],
        "summary": _summary(rules),
        "coverage": [coverage],
        "frameworks": _frameworks(),
    }
    return make_report(**{**fields, **changes})


def _frameworks() -> list[FrameworkResult]:
    """A clause with each result."""
    unseen = ["Not everything was seen in eu-de."]
    return [
        make_framework(
            make_clause(findings=3, rules=["backup-error", "backup-unknown-status"], not_assessed=unseen),
            make_clause(id="A.8.24", title="Cryptography", result="undecided", findings=0, undecided=12),
            make_clause(id="A.5.30", title="Continuity", result="partly_assessed", findings=0, not_assessed=unseen),
            make_clause(id="A.5.33", title="Records", result="waived", findings=0, waived=2),
            make_clause(id="A.5.34", title="Privacy", result="no_finding", findings=0),
        ),
        make_framework(
            make_clause(
                id="OPS-08", title="Tests", result="not_assessed", findings=0, rules=[], not_assessed=["It is off."]
            ),
            id="bsi-c5-2020",
            name="BSI C5:2020",
            note="The criteria bind the provider.",
        ),
    ]


def green_report() -> Report:
    """A day without trouble."""
    rules = [
        make_rule_result(id=ident, title=case.title, severity=case.severity, failed=0, checked=2040)
        for ident, case in _CASES.items()
    ]
    return make_report(
        verdict="pass",
        headline="2,040 backups of 31 protected resources, nothing to do",
        reasons=[],
        rules=rules,
        groups=[],
        summary=_summary(rules),
    )


def incomplete_report() -> Report:
    """Nothing found in what was seen, and not everything was seen."""
    green = green_report()
    return make_report(
        verdict="incomplete",
        complete=False,
        headline="204 backups judged, not everything was seen",
        reasons=["Not everything was seen: the listing is incomplete."],
        rules=green.rules,
        groups=[],
        summary=green.summary,
        coverage=[make_coverage(complete=False, reported_count=None, problems=PROBLEMS[:1])],
    )


def unaudited_report() -> Report:
    """Nothing could be listed."""
    return make_report(
        verdict="incomplete",
        complete=False,
        audited=False,
        headline=f"no audit was made: {REFUSAL}",
        reasons=["No audit was made.", "Not everything was seen: the listing is incomplete."],
        rules=green_report().rules,
        groups=[],
        summary=Summary(1, 0, 0, dict(NO_FINDINGS), 0, 0, 0),
        coverage=[
            make_coverage(
                listed=0, reported_count=None, complete=False, not_examined=0, problems=[f"{REFUSAL}. {MEND}"]
            )
        ],
    )


def hostile_report(text: str, rules: int = 50, targets: int = 1) -> Report:
    """Every text is `text`, there are far too many of them, and every list is too long."""
    results = [
        make_rule_result(
            id=f"{number}{text}",
            title=text,
            why=text * 4,
            advice=text * 4,
            severity=list(Severity)[number * 5 // rules],
            failed=1000,
            unknown=500,
            errors=3,
            error_examples=[text * 2] * 3,
            no_problem={f"{text}{reason}": 2 for reason in range(40)},
        )
        for number in range(rules)
    ]
    coverage = make_coverage(
        project_id=text,
        name=text,
        region=text,
        endpoint=text,
        complete=False,
        problems=[(text * 300)[:300]] * 200,
        notes=[text] * 50,
        narrowed={f"{text}{number}": [text] * 50 for number in range(50)},
    )
    return make_report(
        complete=False,
        headline=text,
        reasons=[text] * 200,
        not_looked_at=[text] * 100,
        rules=results,
        groups=[RuleGroup(rule, _hostile_findings(text, 50), _hostile_findings(text, 10)) for rule in results],
        summary=_summary(results),
        coverage=[coverage] * targets,
        frameworks=_hostile_frameworks(text, [result.id for result in results]),
        run_id=text,
        auditor_version=text,
        trigger=Trigger(text, text, text),
    )


def _hostile_frameworks(text: str, rules: list[str]) -> list[FrameworkResult]:
    clause = make_clause(id=text, title=text, rules=rules[:9], rules_off=[text] * 9, not_assessed=[text * 2] * 9)
    names = dict.fromkeys(("id", "name", "edition", "source", "note"), text)
    return [make_framework(clause, clause, **names)] * 20


def _hostile_findings(text: str, number: int) -> list[Finding]:
    names = ("resource_name", "resource_type", "resource_id", "backup_name", "backup_id", "vault_id")
    return [make_finding(**dict.fromkeys(names, text), message=f"{text}{text}{index}") for index in range(number)]


def _result(ident: str, case: _Case) -> RuleResult:
    superseded = {"superseded by a newer backup that is kept longer": 38}
    return make_rule_result(
        id=ident,
        title=case.title,
        severity=case.severity,
        why=case.why,
        advice=case.advice,
        checked=2040 - case.errors,
        failed=case.failed,
        unknown=case.unknown,
        errors=case.errors,
        no_problem=superseded if ident == "backup-expiring" else {},
        error_examples=["on backup b1c4 it raised KeyError: 'x'"] * case.errors,
    )


def _group(rule: RuleResult) -> RuleGroup:
    case = _CASES[rule.id]
    failed = [_finding(rule, number) for number in range(min(50, case.failed))]
    unknown = [
        _finding(rule, number, outcome="unknown", since=None, message="cannot tell without extend_info.encrypted")
        for number in range(min(10, case.unknown))
    ]
    return RuleGroup(rule, failed, unknown)


def _finding(rule: RuleResult, number: int, **changes: Any) -> Finding:
    name, resource_type = _RESOURCES[number // 3 % len(_RESOURCES)]
    fields: dict[str, Any] = {
        "rule": rule.id,
        "severity": rule.severity,
        "message": _CASES[rule.id].message,
        "resource_id": name,
        "resource_name": name,
        "resource_type": resource_type,
        "backup_id": f"b1c4afd9-e7a6-4888-9010-c2bac3aa{number:04x}",
        "backup_name": f"autobk_{number:04x}",
        "since": NOW - timedelta(hours=7, days=number),
    }
    return make_finding(**{**fields, **changes})


def _summary(rules: list[RuleResult]) -> Summary:
    findings = dict(NO_FINDINGS)
    for rule in rules:
        findings[rule.severity.value] += rule.failed
    return Summary(
        targets=1,
        backups=2040,
        resources=31,
        findings=findings,
        unknown=sum(rule.unknown for rule in rules),
        waived=0,
        rule_errors=sum(rule.errors for rule in rules),
    )
