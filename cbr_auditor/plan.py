"""Which rules judge a subject, and with which options: those in force everywhere, or what overrides make of them."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cbr_auditor.cbr.records import Backup
from cbr_auditor.cbr.vaults import Vault
from cbr_auditor.override import Override
from cbr_auditor.rule import Outcome, Rule
from cbr_auditor.subject import Identity

Check = Callable[..., Outcome]


class Plan(msgspec.Struct):
    """The rules for what the same overrides select. A rule is named by its index."""

    checks: dict[int, Check]
    """Of every rule that is on: `check` with its options."""
    at_once: list[tuple[int, Check]]
    """Those that judge a backup on its own."""
    later: list[tuple[int, Callable[[Backup], bool] | None]]
    """Those that judge a backup among its siblings, each with what is worth waiting for."""
    values: dict[int, Mapping[str, Any]]
    """The options' values of every rule that is on."""
    overrides: tuple[Override, ...]
    """What changed them, in order."""
    taken: int = 0
    """How many backups were judged by it."""


class Plans:
    """The plans of one target. `vaults` are those of the project by their ids, as far as they were listed."""

    def __init__(
        self,
        rules: Sequence[Rule],
        overrides: Sequence[Override],
        project_id: str,
        vaults: Mapping[str, Vault],
        without: Container[int] = (),
    ) -> None:
        """`without` are rules that cannot be asked, because what they need could not be listed."""
        self.rules = rules
        self._overrides = overrides
        self._project_id = project_id
        self._vaults = vaults
        self._without = without
        self._made: dict[tuple[int, ...], Plan] = {}
        self.everywhere = self._plan(())

    @property
    def has_overrides(self) -> bool:
        """Whether subjects may have plans of their own."""
        return bool(self._overrides)

    @property
    def made(self) -> Iterable[Plan]:
        """Every plan that was asked for."""
        return self._made.values()

    def for_subject(self, who: Identity, vault_ids: Iterable[str] = ()) -> Plan:
        """The plan for a subject that lies in these vaults."""
        if not self._overrides:
            return self.everywhere
        lies_in = tuple(vault_ids) or ((who.vault_id,) if who.vault_id else ())
        applying = tuple(
            number
            for number, override in enumerate(self._overrides)
            if override.selects(who, lies_in, self._project_id, self._vaults)
        )
        return self._plan(applying)

    def largest(self, index: int, option: str) -> float | None:
        """The largest value of a rule's option that may be in force for anything; None where it has no such option."""
        rule = self.rules[index]
        if option not in rule.values:
            return None
        tables = [rule.values, *(override.rules.get(rule.id) or {} for override in self._overrides)]
        return max(float(table[option]) for table in tables if option in table)

    def _plan(self, applying: tuple[int, ...]) -> Plan:
        if applying not in self._made:
            self._made[applying] = self._make([self._overrides[number] for number in applying])
        return self._made[applying]

    def _make(self, overrides: list[Override]) -> Plan:
        plan = Plan({}, [], [], {}, tuple(overrides))
        for index, rule in enumerate(self.rules):
            values: Mapping[str, Any] | None = rule.values if rule.everywhere else None
            for override in overrides:
                values = _overridden(rule, values, override)
            if values is None or index in self._without:
                continue
            plan.values[index] = values
            plan.checks[index] = rule.bound(values)
            if rule.takes_resource:
                plan.later.append((index, rule.bound_candidate(values)))
            elif rule.subject == "backup":
                plan.at_once.append((index, plan.checks[index]))
        return plan


def _overridden(rule: Rule, values: Mapping[str, Any] | None, override: Override) -> Mapping[str, Any] | None:
    """A rule's options after one more override; None where the rule is off."""
    if override.off:
        return None
    if rule.id not in override.rules:
        return values
    changed = override.rules[rule.id]
    return None if changed is None else {**(values or rule.values), **changed}
