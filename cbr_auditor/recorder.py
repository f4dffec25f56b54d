"""What the rules found in one target: counted, and spooled finding by finding."""

import hashlib
from datetime import timedelta

import msgspec

from cbr_auditor.finding import Finding, Waived
from cbr_auditor.rule import NoProblem, Outcome, Rule, Unknown
from cbr_auditor.spool import FindingSpool
from cbr_auditor.subject import NOUNS, Identity, Subject, identify
from cbr_auditor.text import one_line
from cbr_auditor.waiver import Waivers

CRASHES = (Exception, SystemExit)
"""What a rule may raise: whatever it is, it costs that rule's verdict on that record, and never the run."""

_EXAMPLES = 3
_UNTIMED = float("inf")
_BEHIND_ALL_RULES = 1_000_000  # where waived findings stand


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
        self.missing_actions: set[str] = set()
        """IAM actions for want of which rules stay undecided."""
        # What superseding rules have said of a resource or a backup, by the rule that must not say it again: which rule
        # said it, and whether a waiver accepts it.
        superseded = {other for rule in rules for other in rule.supersedes}
        self._said: dict[str, dict[str, tuple[str, bool]]] = {rule.id: {} for rule in rules if rule.id in superseded}
        self._findings = findings
        self._waivers = waivers
        self._waivable = frozenset(waiver.rule for waiver in waivers.all) if waivers else frozenset()

    def settle(self, index: int, subject: Subject, outcome: Outcome) -> None:
        """Count an outcome and keep its finding. Raises `TypeError` for what is no outcome."""
        if isinstance(outcome, str) and outcome:
            waived = self.keep(index, subject, "fail", outcome)
            rule = self.rules[index]
            for other in rule.supersedes:
                if other in self._said:
                    self._said[other][identify(subject).id] = (rule.id, waived)
        elif isinstance(outcome, Unknown):
            self.keep(index, subject, "unknown", f"cannot tell without {outcome.what}")
        elif isinstance(outcome, NoProblem) and isinstance(outcome.reason, str):
            self.tallies[index].passed(outcome.reason)
        elif outcome is not None:
            raise TypeError(f"check returned {outcome!r}")

    def said_already(self, index: int, *subject_ids: str | None) -> bool:
        """Whether a rule that supersedes this one has found the problem of one of these; it is counted, then."""
        said = self._said.get(self.rules[index].id)
        known = next((said[ident] for ident in subject_ids if ident in said), None) if said else None
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

    def keep(self, index: int, subject: Subject, outcome: str, message: str) -> bool:
        """Count and spool one finding; gives whether a waiver accepts it."""
        rule, tally = self.rules[index], self.tallies[index]
        who = identify(subject)
        waived = self._waived(rule.id, who) if rule.id in self._waivable else None
        if waived:
            tally.waived += 1
        elif outcome == "fail":
            tally.failed += 1
        else:
            tally.unknown += 1
        identity = f"{rule.id}\n{self.project_id}\n{who.id}"
        since = getattr(subject, rule.since, None) if rule.since and outcome == "fail" else None
        finding = Finding(
            "sha256:" + hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest(),
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
            one_line(message, 500),
            since and since - timedelta(microseconds=since.microsecond),
            NOUNS[type(subject)],
            who.id,
            who.name,
            waived,
        )
        time = getattr(subject, rule.soonest or "created_at", None)
        when = _UNTIMED if time is None else (time.timestamp() if rule.soonest else -time.timestamp())
        place = index + _BEHIND_ALL_RULES if waived else index
        self._findings.add((place, outcome != "fail", when, self.project_id, who.id), finding)
        return waived is not None

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
