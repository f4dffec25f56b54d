"""Judges what a target has besides backups, and itself: vaults, policies, tasks, each listed where a rule asks."""

from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

import msgspec

from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.inventory import Listed, has_task_before, list_policies, list_tasks, list_vaults
from cbr_auditor.cbr.policies import Policy
from cbr_auditor.cbr.tasks import KEPT, Task
from cbr_auditor.cbr.vaults import Vault
from cbr_auditor.errors import AccessError, ListingError
from cbr_auditor.override import Override
from cbr_auditor.plan import Plans
from cbr_auditor.recorder import CRASHES, Recorder
from cbr_auditor.rule import Rule
from cbr_auditor.subject import Target, identify
from cbr_auditor.text import one_line

_FEWEST_TO_COMPARE = 3  # runs of the same job, before one of them is called unusual
_LONGEST_RUN = timedelta(days=1)  # so much earlier may a task have begun that ended in the hours that are judged
_LONGEST_WINDOW = timedelta(days=3650)  # options go further than any calendar


class Inventory(msgspec.Struct):
    """The vaults and policies of one project, as far as they were wanted and could be listed."""

    vaults: list[Vault] = []
    policies: list[Policy] = []
    policies_unseen: str | None = None
    """Which policies may exist without having been seen, or without saying what they are bound to."""
    refused: dict[str, ListingError] = {}
    """What could not be listed, `vaults` or `policies`, and why."""
    problems: list[str] = []
    """What was not seen, a sentence each."""

    @property
    def vaults_by_id(self) -> dict[str, Vault]:
        """The vaults by their ids."""
        return {vault.id: vault for vault in self.vaults}

    def undecidable(self, rules: Sequence[Rule]) -> dict[int, ListingError]:
        """The rules that need what could not be listed, by index, and why it could not."""
        return {
            index: self.refused[name]
            for index, rule in enumerate(rules)
            for name in reversed(rule.lists)
            if name in self.refused
        }


def take_inventory(client: CbrClient, rules: Sequence[Rule], overrides: Sequence[Override], now: datetime) -> Inventory:
    """List the vaults and policies that the rules need.

    A missing permission leaves the rules undecided; any other failure is a problem of the coverage besides.
    """
    inventory = Inventory()
    wanted = {name for rule in rules for name in rule.lists}
    selecting = [override for override in overrides if override.lists_vaults]
    if selecting or "vaults" in wanted:
        try:
            vaults = list_vaults(client)
            inventory.vaults = vaults.records
            inventory.problems += vaults.problems
        except ListingError as problem:
            _refuse(inventory, "vaults", problem)
            inventory.problems += [
                f"{override.place} could not be applied, for it selects by vault: {problem}" for override in selecting
            ]
    if "policies" in wanted:
        try:
            policies = list_policies(client)
            inventory.policies = policies.records
            inventory.problems += policies.problems
            inventory.policies_unseen = _unseen(policies)
        except ListingError as problem:
            _refuse(inventory, "policies", problem)
    _join(inventory, now)
    return inventory


def _refuse(inventory: Inventory, name: str, problem: ListingError) -> None:
    inventory.refused[name] = problem
    if not isinstance(problem, AccessError):
        inventory.problems.append(f"The {name} could not be listed: {problem}")


def _unseen(policies: Listed[Policy]) -> str | None:
    """Which policies may be bound to a vault without its being known; None where all bindings are."""
    if policies.problems:
        return "the policies that could not be read"
    for policy in policies.records:
        if policy.vault_ids is None or "associated_vaults" in policy.unreadable:
            return f"associated_vaults of policy {one_line(policy.label, 100)}"
    return None


def _join(inventory: Inventory, now: datetime) -> None:
    """Tell each vault its policies: CBR keeps them the other way round (`associated_vaults`)."""
    replace = msgspec.structs.replace
    inventory.policies = [replace(policy, listed_at=now) for policy in inventory.policies]
    by_vault: dict[str, list[Policy]] = {}
    for policy in inventory.policies:
        for ident in policy.vault_ids or ():
            by_vault.setdefault(ident, []).append(policy)
    inventory.vaults = [
        replace(
            vault,
            listed_at=now,
            policies=tuple(by_vault.get(vault.id, ())),
            policies_unseen=inventory.policies_unseen,
        )
        for vault in inventory.vaults
    ]


def judge_inventory(inventory: Inventory, recorder: Recorder, plans: Plans) -> None:
    """Ask the rules about vaults and policies."""
    subjects: tuple[tuple[str, Iterable[Vault | Policy]], ...] = (
        ("vault", inventory.vaults),
        ("policy", inventory.policies),
    )
    for kind, found in subjects:
        asked = [index for index, rule in enumerate(recorder.rules) if rule.subject == kind]
        for subject in found if asked else ():
            _ask(asked, subject, recorder, plans)


def judge_target(
    client: CbrClient,
    target: Target,
    inventory: Inventory,
    recorder: Recorder,
    plans: Plans,
    undecidable: Iterable[int] = (),
) -> list[str]:
    """Ask the rules about tasks and about the target as a whole; gives what was not seen, a sentence each."""
    problems: list[str] = []
    for index, rule in enumerate(recorder.rules):
        if rule.subject not in {"task", "target"} or index in undecidable:
            continue
        tasks = _Tasks([], None, [])
        if rule.tasks is not None:
            try:
                tasks = _list_tasks(client, rule, plans, index, target.listed_at)
                problems += tasks.problems
            except ListingError as problem:
                leave_undecided(recorder, index, target, problem)
                if not isinstance(problem, AccessError):
                    problems.append(f"The tasks for {rule.id} could not be listed: {problem}")
                continue
        if rule.subject == "task":
            for task in tasks.found:
                _ask([index], task, recorder, plans)
        else:
            whole = msgspec.structs.replace(
                target,
                vaults=tuple(inventory.vaults),
                policies=tuple(inventory.policies),
                tasks=tuple(tasks.found),
                tasks_unseen=tasks.unseen,
            )
            _ask([index], whole, recorder, plans)
    return problems


def leave_undecided(recorder: Recorder, index: int, target: Target, problem: ListingError) -> None:
    """Record that a rule could not judge anything of a target, and the mend."""
    recorder.tallies[index].checked += 1
    recorder.tallies[index].not_asked += 1
    if isinstance(problem, AccessError) and problem.action:
        recorder.missing_actions.add(problem.action)
    recorder.keep(index, target, "unknown", f"cannot tell: {problem}")


def _ask(indexes: Iterable[int], subject: Vault | Policy | Task | Target, recorder: Recorder, plans: Plans) -> None:
    checks = plans.for_subject(identify(subject)).checks
    # The task that made a backup, and the backup, are one thing: what was said of that is not said again.
    made = subject.backup_id if isinstance(subject, Task) and subject.operation_type == "backup" else None
    for index in indexes:
        if index not in checks:
            continue
        recorder.tallies[index].checked += 1
        try:
            if not recorder.said_already(index, made):
                recorder.settle(index, subject, checks[index](subject))
        except CRASHES as problem:  # a rule's crash is a result, and the rule's alone
            recorder.crashed(index, subject, problem)


class _Tasks(NamedTuple):
    """The tasks that a rule asked for."""

    found: list[Task]
    """Newest first."""
    unseen: str | None
    """Which may exist without being among them."""
    problems: list[str]
    """What could not be listed or read, a sentence each."""


def _list_tasks(client: CbrClient, rule: Rule, plans: Plans, index: int, now: datetime) -> _Tasks:
    """The tasks that a rule asks for: those that ended in its `hours`, or began in its `days`.

    A rule with both options judges the tasks of its `hours`; those of its `days` before tell what is usual.
    Raises `ListingError`.
    """
    hours, days = (_window(plans.largest(index, option), option) for option in ("hours", "days"))
    since = now - max(hours + _LONGEST_RUN if hours is not None else timedelta(0), days or timedelta(0))
    listed = list_tasks(client, since=since, **(rule.tasks or {}))
    seconds: dict[tuple[object, ...], array[float]] = {}
    found = []
    for task in listed:
        ended = None if task.status in {"running", "waiting"} else task.last_seen_at
        if hours is None or ended is None or ended >= now - hours:
            found.append(task)
        elif task.status == "success" and task.duration is not None:
            seconds.setdefault(_job(task), array("d")).append(task.duration.total_seconds())
    found.sort(key=lambda task: (task.created_at or now, task.id), reverse=True)
    found = [msgspec.structs.replace(task, listed_at=now, usual=_usual(seconds.get(_job(task)))) for task in found]
    unseen = "the tasks that could not be listed or read" if listed.problems else None
    if unseen is None and rule.subject == "target" and since < now - KEPT and not has_task_before(client, since):
        unseen = f"the tasks from before {now - KEPT:%Y-%m-%d}, which CBR may not show any more"
    return _Tasks(found, unseen, listed.problems)


def _window(value: float | None, unit: str) -> timedelta | None:
    return None if value is None else min(timedelta(**{unit: value}), _LONGEST_WINDOW)


def _job(task: Task) -> tuple[object, ...]:
    """What tells tasks apart that are not expected to take equally long."""
    return task.operation_type, task.resource_id, task.incremental


def _usual(seconds: "array[float] | None") -> timedelta | None:
    return timedelta(seconds=median(seconds)) if seconds and len(seconds) >= _FEWEST_TO_COMPARE else None
