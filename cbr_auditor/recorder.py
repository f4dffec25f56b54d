"""What the rules found in one target: counted, and spooled finding by finding."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from cbr_auditor.cbr.reading import as_backup
from cbr_auditor.cbr.records import EPOCH, NAIVE_EPOCH, Backup, ListedBackup
from cbr_auditor.finding import Finding, Waived, finding_id, text_of, whole_seconds
from cbr_auditor.resource import Resource
from cbr_auditor.row import Series, rows_of
from cbr_auditor.rule import NoProblem, Outcome, Rule, Unknown
from cbr_auditor.spool import WAIVED, FindingSpool
from cbr_auditor.subject import NOUNS, Identity, Subject, identify
from cbr_auditor.text import one_line
from cbr_auditor.waiver import Waivers

CRASHES = (Exception, SystemExit)
"""What a rule may raise: whatever it is, it costs that rule's verdict on that record, and never the run."""

_EXAMPLES = 3
_UNTIMED = float("inf")
_LISTED_TIMES = {None, "created_at", "updated_at", "expired_at"}
_LONGEST = 500  # characters of a message
_MESSAGES = 64  # of one rule and outcome that are kept once, and not with each finding
_SERIES = 2_000  # in all targets, after which no message is


class Tally(msgspec.Struct):
    """What one rule found so far."""

    checked: int = 0
    failed: int = 0
    unknown: int = 0
    waived: int = 0
    """Findings, failures and undecided ones, that a waiver accepts; they are not among the others."""
    errors: int = 0
    superseded: int = 0
    """Problems that another rule has reported already; they are no findings of this one, and no pass either."""
    superseded_waived: int = 0
    """Those of which a waiver accepts what the other rule reported; they are not among `superseded`."""
    not_asked: int = 0
    """Targets where the rule could judge nothing, as what it needs could not be listed."""
    not_examined: int = 0
    """What it did not judge by setting."""
    no_problem: dict[str, int] = {}
    error_examples: list[str] = []

    def add(self, other: "Tally") -> None:
        """Add what the same rule found in another target."""
        self.checked += other.checked
        self.failed += other.failed
        self.unknown += other.unknown
        self.waived += other.waived
        self.errors += other.errors
        self.superseded += other.superseded
        self.superseded_waived += other.superseded_waived
        self.not_asked += other.not_asked
        self.not_examined += other.not_examined
        for reason, count in other.no_problem.items():
            self.no_problem[reason] = self.no_problem.get(reason, 0) + count
        self.error_examples = (self.error_examples + other.error_examples)[:_EXAMPLES]

    @property
    def told_all(self) -> bool:
        """Whether it could judge everything and report all of it itself."""
        return not (self.errors or self.superseded or self.superseded_waived or self.not_asked or self.not_examined)

    def passed(self, reason: str) -> None:
        """Count what is no problem for a reason worth telling."""
        self.no_problem[reason] = self.no_problem.get(reason, 0) + 1


class Recorder:
    """Takes what rules say of one target's subjects. A rule is named by its index in `rules`."""

    def __init__(
        self,
        rules: list[Rule],
        *,
        project_id: str,
        region: str | None,
        findings: FindingSpool,
        waivers: Waivers | None = None,
    ) -> None:
        self.rules = rules
        self.project_id = project_id
        self.region = region
        self.tallies = [Tally() for _ in rules]
        self.takes_listed = [{rule.since, rule.soonest} <= _LISTED_TIMES for rule in rules]
        """Of each rule whether a `ListedBackup` shows what a finding must tell."""
        self.missing_actions: set[str] = set()
        """IAM actions for want of which rules stay undecided."""
        # What superseding rules have said of a resource or a backup, by the rule that must not say it again: which rule
        # said it, and whether a waiver accepts it.
        superseded = {other for rule in rules for other in rule.supersedes}
        said: dict[str, dict[str, tuple[str, bool]]] = {rule.id: {} for rule in rules if rule.id in superseded}
        self._said = [said.get(rule.id) for rule in rules]
        self._silenced = [[said[other] for other in rule.supersedes if other in said] for rule in rules]
        self._findings = findings
        self._series: list[dict[str, Series | None]] = [{} for _ in range(2 * len(rules))]
        """By message, for each rule twice: of failures, and of what is undecided."""
        self._waivers = waivers
        self._waivable = frozenset(waiver.rule for waiver in waivers.all) if waivers else frozenset()

    def settle(self, index: int, subject: Subject | ListedBackup, outcome: Outcome) -> None:
        """Count an outcome and keep its finding. Raises `TypeError` for what is no outcome.

        A backup need not be built for this where the rule `takes_listed`.
        """
        if isinstance(outcome, str) and outcome:
            waived = self.keep(index, subject, "fail", outcome)
            self.say(index, identify(subject).id, waived=waived)
        elif isinstance(outcome, Unknown):
            self.keep(index, subject, "unknown", _message(outcome))
        elif isinstance(outcome, NoProblem) and isinstance(outcome.reason, str):
            self.tallies[index].passed(outcome.reason)
        elif outcome is not None:
            raise TypeError(f"check returned {outcome!r}")

    def settle_alike(self, index: int, subjects: Sequence[ListedBackup | Backup | Resource], outcome: Outcome) -> None:
        """The same as `settle` for each of many subjects of one kind, of one outcome; a crash is that one's alone.

        Backups are not built for this where the rule `takes_listed`.
        """
        rule, tally = self.rules[index], self.tallies[index]
        failed = isinstance(outcome, str)
        try:
            message = _message(outcome)
            shown = self.takes_listed[index] or not isinstance(subjects[0], ListedBackup)
            plain = shown and message and rule.id not in self._waivable
            series = self._series_of(index, failed=failed, message=message) if plain else None
            kept = series is not None and self._keep_rows(index, series, subjects, message)
        except CRASHES:  # what a rule gives and says may be anything; `settle` fails again, for each that it fails for
            kept = False
        if kept:
            if failed:
                tally.failed += len(subjects)
                if self._silenced[index]:
                    for subject in subjects:
                        self.say(index, subject.id)
            else:
                tally.unknown += len(subjects)
            return
        for subject in subjects:
            try:
                self.settle(index, subject, outcome)
            except CRASHES as problem:
                self.crashed(index, _whole(subject), problem)

    def say(self, index: int, subject_id: str, *, waived: bool = False) -> None:
        """Let no other rule say again what this one found. What no waiver accepts stands before what one does."""
        for said in self._silenced[index]:
            if said.get(subject_id, ("", True))[1]:
                said[subject_id] = (self.rules[index].id, waived)

    def is_told_at_once(self, index: int) -> bool:
        """Whether what the rule finds has to be settled before other rules are asked: a waiver may accept it."""
        return bool(self._silenced[index]) and self.rules[index].id in self._waivable

    def said_already(self, index: int, *subject_ids: str | None) -> bool:
        """Whether a rule that supersedes this one has found the problem of one of these; it is counted, then."""
        said = self._said[index]
        if not said:
            return False
        known = None
        for ident in subject_ids:
            known = known or said.get(ident or "")
        if known is None:
            return False
        by, waived = known
        tally = self.tallies[index]
        tally.passed(f"already reported as {by}")
        if waived:
            tally.superseded_waived += 1
        else:
            tally.superseded += 1
        return True

    @property
    def superseded_rules(self) -> int:
        """The rules that others supersede, as a bit mask."""
        return sum(1 << index for index, said in enumerate(self._said) if said is not None)

    @property
    def newest_only_rules(self) -> int:
        """The rules that find nothing in any but a resource's newest available backup, as a bit mask."""
        return sum(1 << index for index, rule in enumerate(self.rules) if rule.newest_only)

    def not_examined(self, rules: int, count: int) -> None:
        """Tell of so many server backups that these rules, a bit mask, did not judge: a newer one stands for them."""
        for index, tally in enumerate(self.tallies):
            if rules >> index & 1:
                tally.checked -= count

    def keep(self, index: int, subject: Subject | ListedBackup, outcome: str, message: str) -> bool:
        """Count and spool one finding; gives whether a waiver accepts it."""
        rule, tally = self.rules[index], self.tallies[index]
        failed = outcome == "fail"
        waived = self._waived(rule.id, identify(subject)) if rule.id in self._waivable else None
        if waived:
            tally.waived += 1
        elif failed:
            tally.failed += 1
        else:
            tally.unknown += 1
        if isinstance(subject, (ListedBackup, Backup, Resource)) and waived is None:
            series = self._series_of(index, failed=failed, message=message)
            if series is not None and self._keep_rows(index, series, (subject,), message):
                return False
        subject = _whole(subject)
        finding = self._finding(rule, subject, outcome, message, waived)
        place = index + WAIVED if waived else index
        when = _when(rule, subject)
        self._findings.add((place, not failed, when, self.project_id, identify(subject).id), finding)
        return waived is not None

    def _finding(
        self,
        rule: Rule,
        subject: Subject,
        outcome: str,
        message: str,
        waived: Waived | None,
    ) -> Finding:
        who = identify(subject)
        since = _since(rule, subject, outcome)
        return Finding(
            finding_id(rule.id, self.project_id, who.id),
            rule.id,
            rule.severity,
            outcome,
            self.project_id,
            self.region,
            who.backup_id,
            who.backup_name,
            who.resource_id,
            who.resource_name,
            who.resource_type,
            who.vault_id,
            one_line(message, _LONGEST),
            since and whole_seconds(since),
            NOUNS[type(subject)],
            who.id,
            who.name,
            waived,
        )

    def _keep_rows(
        self,
        index: int,
        series: Series,
        subjects: Sequence[Backup | ListedBackup | Resource],
        message: str,
    ) -> bool:
        """Spool findings of one series as rows, as nearly all are; False where one of them cannot be a row."""
        rule = self.rules[index]
        sinces: Iterable[str] = itertools.repeat("", len(subjects))
        if rule.since and series.outcome == "fail":
            began = [getattr(subject, rule.since, None) for subject in subjects]
            sinces = [text_of(time) if time else "" for time in began]
        rows = rows_of(subjects, sinces, "" if series.message else one_line(message, _LONGEST))
        if rows is None:
            return False
        times = [getattr(subject, rule.soonest or "created_at", None) for subject in subjects]
        order = _order(times, soonest=rule.soonest is not None)
        try:
            self._findings.add_rows(series, order, subjects, rows)
        except CRASHES as problem:  # where the disk is full they are kept in memory all the same
            self.crashed(index, _whole(subjects[-1]), problem)
        return True

    def _series_of(self, index: int, *, failed: bool, message: str) -> Series | None:
        """The series of findings with this message; None where what they share must be escaped."""
        known = self._series[2 * index + failed]
        return known.get(message) or self._new_series(known, index, "fail" if failed else "unknown", message)

    def _new_series(self, known: dict[str, Series | None], index: int, outcome: str, message: str) -> Series | None:
        """The series of a message that is new, None where it is of none, as what it shares must be escaped.

        Behind many messages they are no longer shared: then all findings are of one series.
        """
        few = len(known) < _MESSAGES and len(self._findings.series) < _SERIES
        shared = message if few and len(message) <= _LONGEST else ""
        if shared not in known:
            rule, group = self.rules[index], (index, outcome != "fail")
            series = self._findings.begin(
                group,
                rule.id,
                rule.severity,
                outcome,
                self.project_id,
                self.region,
                rule.subject,
                one_line(shared, _LONGEST),
            )
            known[shared] = series if series.is_plain else None
        return known[shared]

    def crashed(self, index: int, subject: Subject, problem: BaseException) -> None:
        """Count a rule that raised: it did not judge this subject."""
        tally = self.tallies[index]
        tally.checked -= 1
        tally.errors += 1
        if len(tally.error_examples) < _EXAMPLES:
            try:
                said = f": {problem}"
            except Exception:  # noqa: BLE001  # the rule's own exception, which may crash in turn
                said = ""
            noun = NOUNS[type(subject)]
            raised = f"on {noun} {identify(subject).id} it raised {type(problem).__name__}{said}"
            tally.error_examples.append(one_line(raised))

    def _waived(self, rule: str, who: Identity) -> Waived | None:
        assert self._waivers is not None
        waiver = self._waivers.match(
            rule, self.project_id, who.resource_name, who.resource_id, who.name, who.id, who.backup_id
        )
        return Waived(waiver.reason, waiver.owner, waiver.expires) if waiver else None


def _whole(subject: Subject | ListedBackup) -> Subject:
    return as_backup(subject) if isinstance(subject, ListedBackup) else subject


def _message(outcome: Outcome) -> str:
    """What the finding of an outcome says; empty where it is none."""
    if isinstance(outcome, Unknown):
        return f"cannot tell without {outcome.what}"
    return outcome if isinstance(outcome, str) else ""


def _when(rule: Rule, subject: Subject) -> float:
    """Where a finding stands among others of its rule."""
    time: datetime | None = getattr(subject, rule.soonest or "created_at", None)
    return _order((time,), soonest=rule.soonest is not None)[0]


def _order(times: Iterable[datetime | None], *, soonest: bool) -> list[float]:
    """What a rule's findings are ordered by: the newest first, or the soonest."""
    toward = 1 if soonest else -1
    return [
        _UNTIMED if time is None else toward * (time - (EPOCH if time.tzinfo else NAIVE_EPOCH)).total_seconds()
        for time in times
    ]


def _since(rule: Rule, subject: Subject | ListedBackup, outcome: str) -> datetime | None:
    """Since when the problem stands, as far as the rule and the data say."""
    return getattr(subject, rule.since, None) if rule.since and outcome == "fail" else None
