"""The steps back: to an earlier version, and to no function at all."""

from cbr_auditor.deploy.client import FunctionGraph
from cbr_auditor.deploy.deployment import Deployment
from cbr_auditor.deploy.state import State
from cbr_auditor.deploy.step import Step
from cbr_auditor.deploy.timers import deletion
from cbr_auditor.errors import SettingsError
from cbr_auditor.suggestion import did_you_mean
from cbr_auditor.text import one_line


def rollback_steps(
    deployment: Deployment, graph: FunctionGraph, urn: str, state: State, wanted: str | None
) -> list[Step]:
    """Move the alias to `wanted`, else to the version before its own. Raises `SettingsError` where that is none."""
    alias, now = deployment.function.alias, state.live_version
    if alias is None or now is None:
        raise SettingsError(
            "the function has no alias that could lead to another version",
            "Set alias: live and deploy; or build the earlier zip and deploy that.",
        )
    if wanted is None:
        earlier = [version for version in state.versions if version < now]
        if not earlier:
            raise SettingsError(
                f"there is no version before {one_line(now, 64)}", "Build the earlier zip and deploy it."
            )
        wanted = earlier[-1]
    if wanted not in state.versions:
        raise SettingsError(f"there is no version {one_line(wanted, 64)}", did_you_mean(wanted, state.versions))
    version = wanted
    if version == now:
        return [Step(f"alias {alias}", "unchanged", (f"leads to {now}",))]
    return [
        Step(
            f"alias {alias}",
            "move",
            (f"{one_line(now, 64)} → {version}", "the next deployment moves it on again"),
            lambda: graph.move_alias(urn, alias, version),
        )
    ]


def remove_steps(deployment: Deployment, graph: FunctionGraph, urn: str, state: State) -> list[Step]:
    """Delete the timers first, so that nothing fires any more whatever fails then; then the function as a whole."""
    if state.latest is None:
        return []
    steps = [
        Step(f"timer {one_line(bound.name, 64)}", "delete", (one_line(bound.schedule, 80),), deletion(graph, bound))
        for bound in state.timers
    ]
    versions = f"with {len(state.versions)} versions and all that is bound to them"
    return [*steps, Step(f"function {deployment.function.name}", "delete", (versions,), lambda: graph.delete(urn))]
