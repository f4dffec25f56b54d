"""The report: all that a template, a channel or a reader of report.json may show.

The keys and their meaning are public (schema version 1.0): a key may be added in 1.x, none is removed or renamed.
Every time is aware and in UTC; a template turns it into the reader's zone. Texts are as the cloud sent them: whoever
shows one escapes it for its medium.
"""

from datetime import date, datetime
from typing import Any

import msgspec

from cbr_auditor.finding import Finding
from cbr_auditor.rule import Severity

SCHEMA_VERSION = "1.0"

SUBJECT_NOUNS = {
    "backup": ("backup", "backups"),
    "resource": ("protected resource", "protected resources"),
    "vault": ("vault", "vaults"),
    "policy": ("policy", "policies"),
    "task": ("task", "tasks"),
    "target": ("project", "projects"),
    "waiver": ("waiver", "waivers"),
}
"""What rules judge: the word of report.json, and one and many of it for people."""


class Trigger(msgspec.Struct):
    """What started the run."""

    type: str
    """`TIMER` in the function, `CLI` on a command line, `MANUAL` for any other event."""
    name: str | None = None
    """The timer's name."""
    time: str | None = None
    """The time that the platform put into the event, as it came."""


class RuleResult(msgspec.Struct):
    """What one rule found."""

    id: str
    title: str
    severity: Severity
    checked: int
    """What the rule judged, the unknown and the waived ones included."""
    failed: int
    unknown: int
    errors: int
    """On how many the rule raised: they were not judged."""
    controls: list[str]
    advice: str
    """What to do about a finding."""
    why: str = ""
    """Why a finding matters."""
    no_problem: dict[str, int] = {}
    """What was passed for a reason worth counting, by reason."""
    error_examples: list[str] = []
    """The first few errors, each with what the rule judged."""
    subject: str = "backup"
    """What the rule judges: `backup`, `resource`, `vault`, `policy`, `task`, `target` or `waiver`."""
    waived: int = 0
    """Findings that a waiver accepts, the undecided ones among them; they are in neither `failed` nor `unknown`."""
    superseded: int = 0
    """Problems that another rule has reported already, as `no_problem` says: no findings of this one, and no passes."""
    superseded_waived: int = 0
    """The same, where a waiver accepts what the other rule reported."""
    not_examined: int = 0
    """What was not judged by setting (`server_disks = "none"`); it is not among `checked`."""

    @property
    def nouns(self) -> tuple[str, str]:
        """What the rule judges, one and many of it: policy, policies."""
        return SUBJECT_NOUNS[self.subject]

    def counted(self, count: int) -> str:
        """A count of what the rule judges: 1 vault, 1,234 policies."""
        one, many = self.nouns
        return f"{count:,} {one if count == 1 else many}"


class RuleGroup(msgspec.Struct):
    """One rule and the most important of its findings, as the human reports show them."""

    rule: RuleResult
    failed: list[Finding]
    """The most important failures, at most `shown`."""
    unknown: list[Finding]
    """The first of those that could not be decided."""


class AcceptedGroup(msgspec.Struct):
    """One rule and the first of its findings that a waiver accepts."""

    rule: RuleResult
    findings: list[Finding]


class WaiverState(msgspec.Struct):
    """A waiver of auditor.toml and what became of it in this run."""

    rule: str
    resource: list[str]
    reason: str
    owner: str
    expires: date
    state: str
    """`active`, `ending` (within 14 days), `expired` (it waives nothing) or `stale` (it matches nothing)."""
    days_left: int
    matched: int


RESULTS = {
    "findings": "with findings",
    "undecided": "undecided",
    "not_assessed": "not assessed",
    "waived": "waived",
    "partly_assessed": "no finding, in part",
    "no_finding": "no finding",
}
"""What can become of a clause, worst first, and how people say it."""


class ClauseResult(msgspec.Struct):
    """One clause of a framework and what this run is evidence for. Counts are those of all rules behind it."""

    id: str
    title: str
    """In our own words."""
    result: str
    """One of `RESULTS`: `waived` where a waiver accepts every finding, `partly_assessed` where there was none but not
    all was assessed, `no_finding` only where all was."""
    rules: list[str]
    """The rules behind it that were on, worst severity first."""
    rules_off: list[str]
    """Those that were not."""
    findings: int
    undecided: int
    errors: int
    waived: int
    not_assessed: list[str]
    """What keeps the answer from being a plain one, a sentence each."""

    @property
    def said(self) -> str:
        """The result as people say it, with the count that matters."""
        if self.result == "findings":
            return f"findings: {self.findings:,}"
        if self.result == "undecided":
            return f"undecided: {self.undecided + self.errors:,}"
        return f"waived: {self.waived:,}" if self.result == "waived" else RESULTS[self.result]


class FrameworkResult(msgspec.Struct):
    """A framework and its clauses."""

    id: str
    """As in a rule's controls, before the colon; empty for controls that have none."""
    name: str
    edition: str
    source: str
    """The document, its publisher and its edition."""
    note: str
    """What a reader should know about it."""
    results: dict[str, int]
    """How many clauses have each result, all always present, worst first."""
    clauses: list[ClauseResult]

    @property
    def said(self) -> str:
        """Its clauses by result: 2 with findings; 1 undecided."""
        return "; ".join(f"{count:,} {RESULTS[word]}" for word, count in self.results.items() if count)


class TargetCoverage(msgspec.Struct):
    """What was and was not seen of one project in one region."""

    project_id: str
    region: str | None
    name: str | None
    endpoint: str
    listed: int
    """Distinct backups that were read."""
    unreadable: int
    """Distinct rows of the list that could not be read."""
    reported_count: int | None
    """How many backups the API itself counts; null where it does not say."""
    complete: bool
    """Whether everything that the audit was asked to look at was seen."""
    not_examined: int
    """Server backups whose disks were not looked at, by setting."""
    narrowed: dict[str, list[str]]
    """The filters in force that leave something out, by name."""
    problems: list[str]
    """What was not seen and why, a sentence each."""
    notes: list[str] = []
    """Changes during the listing that lost nothing, a sentence each."""


class Summary(msgspec.Struct):
    """The numbers that matter."""

    targets: int
    backups: int
    """Backups that were read and judged."""
    resources: int
    """Protected resources that have a backup."""
    findings: dict[str, int]
    """Failures by severity, all five always present; the undecided are not among them."""
    unknown: int
    waived: int
    rule_errors: int


class Delivery(msgspec.Struct):
    """What became of one message."""

    channel: str
    """`mail`, `slack`, `teams`, `mattermost` or `webhook`; `files` only where the folder could not be written."""
    target: str
    """Who got it: addresses, or a webhook's host, never its URL."""
    ok: bool
    detail: str
    """One sentence: accepted by whom, or why not and what to do."""


class Report(msgspec.Struct):
    """One run. `msgspec.json.encode` of it, with the findings put in, is report.json."""

    run_id: str
    auditor_version: str
    started_at: datetime
    finished_at: datetime
    trigger: Trigger
    verdict: str
    """`pass`, `warn`, `fail` or `incomplete`."""
    complete: bool
    """False where something was not seen or a rule crashed."""
    audited: bool
    """False where nothing at all could be listed: no audit was made."""
    headline: str
    """The verdict and its reason as one line of plain text without a full stop: subject, title, notification."""
    reasons: list[str]
    """Why the verdict is what it is, worst first, a sentence each."""
    summary: Summary
    coverage: list[TargetCoverage]
    not_looked_at: list[str]
    """What the audit leaves out by design, a sentence each."""
    groups: list[RuleGroup]
    """Rules with failures or undecided backups, worst first, each with its most important findings."""
    rules: list[RuleResult]
    """Every rule that was switched on, worst severity first."""
    waivers: list[WaiverState] = []
    """Every waiver, those first that need somebody."""
    accepted: list[AcceptedGroup] = []
    """Rules with waived findings, worst first."""
    frameworks: list[FrameworkResult] = []
    """What the run is evidence for, the profile's own framework first. The page and the mail get them without clauses.
    """
    profile: str = "essential"
    """Which set of rules was on."""
    timezone: str = "Europe/Berlin"
    """The reader's time zone, for rendering."""
    deliveries: list[Delivery] = []

    @property
    def failures(self) -> int:
        """All failures, of every severity."""
        return sum(self.summary.findings.values())

    @property
    def rules_by_id(self) -> dict[str, RuleResult]:
        """The rules that were on, as a clause names them."""
        return {rule.id: rule for rule in self.rules}

    @property
    def label(self) -> str:
        """The verdict in capitals; a failed run that is also incomplete says both."""
        if self.verdict == "fail" and not self.complete:
            return "FAIL, INCOMPLETE"
        return self.verdict.upper()

    @property
    def place(self) -> str:
        """Where was looked: each target's name, else its region, else its project, without repeats."""
        names = dict.fromkeys(target.name or target.region or target.project_id for target in self.coverage)
        return ", ".join(names)

    @property
    def title(self) -> str:
        """One line that starts with the verdict: a mail's subject, a page's title, a notification."""
        return f"[{self.label}] CBR audit {self.place}: {self.headline}"

    def document(self) -> dict[str, Any]:
        """report.json without its `findings`, the keys in the contract's order."""
        return {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.run_id,
            "auditor_version": self.auditor_version,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "trigger": self.trigger,
            "verdict": self.verdict,
            "complete": self.complete,
            "headline": self.headline,
            "reasons": self.reasons,
            "summary": self.summary,
            "coverage": self.coverage,
            "not_looked_at": self.not_looked_at,
            "rules": self.rules,
            "frameworks": self.frameworks,
            "profile": self.profile,
            "waivers": self.waivers,
            "deliveries": self.deliveries,
        }
