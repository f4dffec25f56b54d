"""The steps from what is to what is described: first the code and its settings, then a version, at last the timers.

So whatever fails on the way, the timers go on calling the version that they called before.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cbr_auditor import __version__
from cbr_auditor.deploy.artifact import Code
from cbr_auditor.deploy.client import FunctionGraph
from cbr_auditor.deploy.deployment import Deployment
from cbr_auditor.deploy.state import LATEST, State, at
from cbr_auditor.deploy.step import Step
from cbr_auditor.deploy.timers import timer_steps
from cbr_auditor.deploy.wanted import (
    async_body,
    async_differences,
    code_differences,
    config_body,
    config_differences,
    held_by,
    instance_differences,
    only_unreadable,
)
from cbr_auditor.errors import DeployError, SettingsError
from cbr_auditor.text import one_line

KEPT_VERSIONS = 10  # FunctionGraph keeps 20 at most
_NOTHING_NEW = "FSS.1016"  # nothing changed since the last publication


class Planner:
    """Compares one deployment with the state of its function."""

    def __init__(self, deployment: Deployment, code: Code, graph: FunctionGraph, state: State, now: datetime) -> None:
        self._deployment = deployment
        self._function = deployment.function
        self._code = code
        self._graph = graph
        self._state = state
        self._urn = deployment.urn(graph.project_id)
        self._version = _new_name(now, state.versions)

    def steps(self) -> list[Step]:
        """All steps in their order, those without anything to do among them. Raises `SettingsError`."""
        self._refuse_forgotten()
        steps = list(self._function_steps())
        if self._function.alias:
            steps += self._version_steps(self._function.alias)
        place = at(self._urn, f"!{self._function.alias}" if self._function.alias else LATEST)
        steps += timer_steps(self._graph, place, self._function.timers, self._state.timers)
        return steps

    def _refuse_forgotten(self) -> None:
        """Refuse to take away what the function has and the description names, but has no value for in this shell."""
        there = set(held_by(self._state.latest or {}, self._state.latest_async))
        if forgotten := sorted(there & self._deployment.empty):
            raise SettingsError(
                f"{', '.join(forgotten)}: the function has a value, and here it is empty",
                "Set what it comes from in the environment; to take it away, delete its line in the description.",
            )

    def _function_steps(self) -> Iterator[Step]:
        subject = f"function {self._function.name}"
        latest = self._state.latest
        if latest is None:
            details = (f"runtime {self._deployment.provider.runtime}", *config_differences(self._deployment, {}))
            yield Step(subject, "create", details, self._create)
            latest = {}
        else:
            runtime = latest.get("runtime")
            if runtime != self._deployment.provider.runtime:
                raise SettingsError(
                    f"the function runs {one_line(str(runtime), 40)}, and FunctionGraph cannot change that to "
                    f"{self._deployment.provider.runtime}",
                    "Give the new function another name, then remove the old one.",
                )
            yield _compared("code", code_differences(self._code, latest), self._send_code)
            yield _compared(subject, config_differences(self._deployment, latest), self._configure)
        yield _compared("instances", instance_differences(self._deployment, latest), self._limit)
        yield _compared(
            "asynchronous runs",
            async_differences(self._deployment, self._state.latest_async),
            lambda: self._notify(LATEST),
        )

    def _version_steps(self, alias: str) -> Iterator[Step]:
        live, version = self._state.live, self._version
        reasons = ["the alias is new"] if live is None else self._unpublished(live)
        if self._state.live_version == LATEST:
            reasons.append("the alias leads to latest, which changes before it is complete")
        if not reasons:
            yield Step(f"alias {alias}", "unchanged", (f"leads to {self._state.live_version}",))
            yield _compared(
                f"asynchronous runs of {self._state.live_version}",
                async_differences(self._deployment, self._state.live_async),
                lambda: self._notify(str(self._state.live_version)),
            )
            return
        yield from self._old_versions()
        yield Step(f"version {version}", "publish", tuple(reasons), self._publish)
        lead = f"leads to {version}" if live is None else f"{self._state.live_version} → {version}"
        yield Step(f"alias {alias}", "create" if live is None else "move", (lead,), lambda: self._lead(alias))

    def _unpublished(self, live: Mapping[str, Any]) -> list[str]:
        """What the published version has not; a secret that is set again may be new, so it counts."""
        return [
            *code_differences(self._code, live),
            *config_differences(self._deployment, live),
            *instance_differences(self._deployment, live),
        ]

    def _old_versions(self) -> Iterator[Step]:
        """Versions that make room: the oldest that no alias leads to."""
        idle = [version for version in self._state.versions if version not in self._state.in_use]
        for version in idle[: max(0, len(self._state.versions) + 1 - KEPT_VERSIONS)]:
            reason = f"{KEPT_VERSIONS} are kept to roll back to"
            urn = at(self._urn, version)
            yield Step(f"version {one_line(version, 64)}", "delete", (reason,), _deletion(self._graph, urn))

    def _create(self) -> None:
        body = {**config_body(self._deployment), "package": "default", "type": "v2"}
        self._graph.create(body, self._code)

    def _send_code(self) -> str | None:
        digest = self._graph.put_code(at(self._urn, LATEST), self._code)
        if digest in {"", self._code.digest}:
            return None
        return "FunctionGraph gives the code another digest than its SHA-512: every deployment will send it again"

    def _configure(self) -> None:
        self._graph.put_config(at(self._urn, LATEST), config_body(self._deployment))

    def _limit(self) -> None:
        self._graph.put_max_instances(at(self._urn, LATEST), self._function.max_instances)

    def _notify(self, version: str) -> None:
        self._graph.put_async_config(at(self._urn, version), async_body(self._deployment))

    def _publish(self) -> str | None:
        note = None
        try:
            self._graph.publish(at(self._urn, LATEST), self._version, f"cbr-auditor {__version__}")
        except DeployError as problem:
            if problem.code != _NOTHING_NEW or not self._state.versions:
                raise
            # The secrets that were set again are the old ones: the newest version has them already.
            self._version = self._state.versions[-1]
            note = f"nothing is new since {one_line(self._version, 64)}, so that stays"
        self._notify(self._version)
        return note

    def _lead(self, alias: str) -> str | None:
        if self._state.live_version is None:
            self._graph.create_alias(self._urn, alias, self._version)
        elif self._state.live_version != self._version:
            self._graph.move_alias(self._urn, alias, self._version)
        else:
            return f"it leads to {one_line(self._version, 64)} already"
        return None


def _new_name(now: datetime, taken: Sequence[str]) -> str:
    """A version's name, as FunctionGraph makes them from the time where it is not told."""
    while (name := f"v{now:%Y%m%d-%H%M%S}") in taken:
        now += timedelta(seconds=1)
    return name


def _compared(subject: str, lines: list[str], run: Callable[[], str | None]) -> Step:
    if not lines:
        return Step(subject, "unchanged")
    return Step(subject, "set again" if only_unreadable(lines) else "change", tuple(lines), run)


def _deletion(graph: FunctionGraph, urn: str) -> Callable[[], None]:
    return lambda: graph.delete(urn)
