"""Reports as the chats see them: an ordinary bad morning, a hostile one, and one that is far too large."""

from datetime import timedelta
from typing import Any

from cbr_auditor.finding import Finding
from cbr_auditor.report import Report, RuleGroup, RuleResult, Summary
from cbr_auditor.rule import Severity
from tests.fakes import NOW, make_coverage, make_finding, make_report, make_rule_result

_RULES = (
    ("backup-error", "Backup failed", Severity.HIGH, 3, 0, "the backup failed"),
    ("backup-unencrypted", "Backup is not encrypted", Severity.HIGH, 12, 2, "the backup is not encrypted"),
    ("backup-expiring", "Backup expires soon", Severity.MEDIUM, 2, 0, "the backup expires on 2026-11-25 at 01:30 UTC"),
    (
        "backup-not-automatic",
        "Backup was not made by a policy",
        Severity.LOW,
        40,
        0,
        "nobody's policy made this backup",
    ),
)
_NAMES = ("erp-db-01", "web_prod_3", "[prod] files & mail", "archive (old)", "10.0.0.7", "nfs*2024")

HOSTILE = (
    "<!channel> <@U012AB3CD> <#C012AB3CD> <http://evil.example|click>",
    "@channel @all @here @everyone @ops <users/all> <at>ops</at>",
    "*bold* _italic_ ~strike~ `code` **strong** __strong__ ~~gone~~ ***",
    "[click](http://evil.example) ![x](http://evil.example/x.png) [a]: http://evil.example",
    "http://evil.example/a https://evil.example www.evil.example evil.com/x mailto:a@evil.example tel:112",
    ":white_check_mark: :+1: :100: all fine",
    "# heading", "> quote", "- list", "+ list", "* list", "1. list", "2) list", "---", "===", "    code", "```", "~~~",
    "| a | b |", "|---|---|", "~town-square #hashtag $x^2$ $$x$$",
    "<script>alert(1)</script> &lt;b&gt; &amp; &#42;bold&#42; <b>",
    "a\nb\r\nc\u2028d\x00\x1b[31m\x02\x03\u202e\u200bx",
    "{{ 7*7 }} {% raw %} {# x #}",
    "\\*x\\* \\[x\\](y) \\", "_", "*", "`", "[", "](", "(http://evil.example)", "!", "&", "<", ":", "://",
)  # fmt: skip


def ordinary_report(**changes: Any) -> Report:
    """57 findings of four rules, two undecided, and a listing that broke."""
    groups = []
    for rule_id, title, severity, failed, unknown, message in _RULES:
        rule = make_rule_result(id=rule_id, title=title, severity=severity, failed=failed, unknown=unknown)
        findings = [
            make_finding(
                rule=rule_id,
                severity=severity,
                resource_id=f"resource-{number}",
                resource_name=_NAMES[number % len(_NAMES)],
                backup_name=f"autobk_{number:04x}",
                message=message,
                since=NOW - timedelta(days=number),
            )
            for number in range(failed)
        ]
        undecided = [
            make_finding(rule=rule_id, outcome="unknown", backup_name=f"old_{number}", message="cannot tell")
            for number in range(unknown)
        ]
        groups.append(RuleGroup(rule, findings, undecided))
    fields: dict[str, Any] = {
        "complete": False,
        "headline": "15 high findings in 204 backups",
        "reasons": ["15 high findings (severity high or worse fails the audit).", "Not everything was seen."],
        "coverage": [make_coverage(complete=False, problems=["cbr.eu-de.otc.t-systems.com answered 502."])],
        "summary": summary(groups),
        "groups": groups,
        "rules": [group.rule for group in groups],
    }
    return make_report(**{**fields, **changes})


def report_saying(text: str) -> Report:
    """A small report in which everything that comes from outside is `text`."""
    rule = make_rule_result(title=text, failed=2, unknown=1, advice=text)
    finding = make_finding(resource_name=text, backup_name=text, message=text)
    undecided = make_finding(resource_name=text, backup_name=text, message=text, outcome="unknown")
    group = RuleGroup(rule, [finding], [undecided])
    return make_report(
        headline=text,
        reasons=[text, text],
        coverage=[make_coverage(name=text, complete=False, problems=[text, text], narrowed={text: [text]})],
        groups=[group],
        rules=[rule],
        summary=summary([group]),
    )


def huge_report(name: str) -> Report:
    """50 rules with 50 findings shown of a hundred each, from 40 projects, everything named alike and at length."""
    groups = []
    for number in range(50):
        rule = make_rule_result(id=f"rule-{number}", title=name, failed=100, unknown=20, advice=name * 2, why=name * 2)
        findings = [huge_finding(name, rule, index) for index in range(50)]
        undecided = [huge_finding(name, rule, index, outcome="unknown") for index in range(10)]
        groups.append(RuleGroup(rule, findings, undecided))
    return make_report(
        complete=False,
        headline=name,
        reasons=[name] * 40,
        coverage=[make_coverage(project_id=f"{n:032x}", name=name, problems=[name] * 30) for n in range(40)],
        groups=groups,
        rules=[group.rule for group in groups],
        summary=summary(groups, targets=40),
    )


def huge_finding(name: str, rule: RuleResult, index: int, **changes: Any) -> Finding:
    backup_name = f"{index}{name}"[:255]
    return make_finding(
        rule=rule.id, resource_id=f"r{index}", resource_name=name, backup_name=backup_name, message=name, **changes
    )


def summary(groups: list[RuleGroup], targets: int = 1) -> Summary:
    findings = dict.fromkeys((severity.value for severity in Severity), 0)
    for group in groups:
        findings[group.rule.severity.value] += group.rule.failed
    unknown = sum(group.rule.unknown for group in groups)
    return Summary(
        targets=targets, backups=204, resources=31, findings=findings, unknown=unknown, waived=0, rule_errors=0
    )
