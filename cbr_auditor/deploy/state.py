"""What of a function exists, as FunctionGraph tells it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cbr_auditor.deploy.client import FunctionGraph

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class BoundTimer:
    """A timer trigger, and the URN of the version or alias that it is bound to."""

    urn: str
    ident: str
    name: str
    schedule_type: str
    schedule: str
    user_event: str
    status: str


@dataclass(frozen=True, slots=True)
class State:
    """A function as it is; all but `latest` is empty where there is none."""

    latest: Mapping[str, Any] | None = None
    """The configuration that is edited; None where there is no such function."""
    live: Mapping[str, Any] | None = None
    """The configuration of the version that the alias leads to."""
    live_version: str | None = None
    versions: tuple[str, ...] = ()
    """Published ones, oldest first."""
    in_use: frozenset[str] = frozenset()
    """Versions that an alias leads to."""
    timers: tuple[BoundTimer, ...] = ()
    latest_async: Mapping[str, Any] | None = None
    live_async: Mapping[str, Any] | None = field(default=None)


def at(urn: str, qualifier: str) -> str:
    """The URN of a version or, with `!` in front, of an alias."""
    return f"{urn}:{qualifier}"


def read_state(graph: FunctionGraph, urn: str, alias: str | None) -> State:
    """Ask for all that a plan compares. Raises `DeployError`."""
    latest = graph.config(at(urn, LATEST))
    if latest is None:
        return State()
    aliases = {str(row.get("name")): str(row.get("version")) for row in graph.aliases(urn)}
    rows = [row for row in graph.versions(urn) if row.get("version") not in {None, LATEST}]
    versions = [str(row["version"]) for row in sorted(rows, key=lambda row: str(row.get("last_modified", "")))]
    version = aliases.get(alias) if alias else None
    # An alias comes first: it is not documented whether the version behind it shows its timers too.
    places = [at(urn, name) for name in (*(f"!{name}" for name in aliases), LATEST, *versions)]
    timers = [timer for place in places for timer in read_timers(graph, place)]
    return State(
        latest=latest,
        live=graph.config(at(urn, version)) if version else None,
        live_version=version,
        versions=tuple(versions),
        in_use=frozenset(aliases.values()),
        timers=tuple({timer.ident: timer for timer in reversed(timers)}.values())[::-1],
        latest_async=graph.async_config(at(urn, LATEST)),
        live_async=graph.async_config(at(urn, version)) if version else None,
    )


def read_timers(graph: FunctionGraph, urn: str) -> list[BoundTimer]:
    """The timers of a version or alias. Raises `DeployError`."""
    timers = []
    for row in graph.triggers(urn):
        data = row.get("event_data")
        if row.get("trigger_type_code") != "TIMER" or not isinstance(data, dict):
            continue
        timers.append(
            BoundTimer(
                urn,
                str(row.get("trigger_id")),
                str(data.get("name", "")),
                str(data.get("schedule_type", "")),
                str(data.get("schedule", "")),
                str(data.get("user_event") or ""),
                str(row.get("trigger_status", "")),
            )
        )
    return timers


def variables_of(text: Any) -> dict[str, str]:
    """The variables of `user_data` or `encrypted_user_data`, which hold a JSON object as text."""
    try:
        value = json.loads(text) if isinstance(text, str) and text else {}
    except ValueError:
        value = {}
    return {str(name): str(content) for name, content in value.items()} if isinstance(value, dict) else {}
