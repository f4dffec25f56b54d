"""The steps that bring a function's timers to those that are described, never with one too many on the way.

A second timer mails a second report. So one that differs is deleted before it is created anew, and one that is not
described is deleted. Source: FunctionGraph API, "Updating a Trigger": of a timer only the status can be changed.
"""

from collections.abc import Callable, Iterator, Sequence

from cbr_auditor.deploy.client import FunctionGraph
from cbr_auditor.deploy.description import Timer
from cbr_auditor.deploy.schedule import schedule_type
from cbr_auditor.deploy.state import BoundTimer
from cbr_auditor.deploy.step import Step
from cbr_auditor.errors import DeployError
from cbr_auditor.text import one_line


def timer_steps(
    graph: FunctionGraph, place: str, wanted: Sequence[Timer], bound: Sequence[BoundTimer]
) -> Iterator[Step]:
    """A step for each timer, by its name; `place` is the URN of the version or alias that they are bound to."""
    for timer in wanted:
        yield _step(graph, place, timer, [there for there in bound if there.name == timer.name])
    names = {timer.name for timer in wanted}
    for there in bound:
        if there.name not in names:
            details = (f"{one_line(there.schedule, 80)}, which the description does not have",)
            yield Step(f"timer {one_line(there.name, 64)}", "delete", details, deletion(graph, there))


def deletion(graph: FunctionGraph, timer: BoundTimer) -> Callable[[], None]:
    """What deletes a timer."""
    return lambda: graph.delete_trigger(timer.urn, "TIMER", timer.ident)


def _step(graph: FunctionGraph, place: str, timer: Timer, same: Sequence[BoundTimer]) -> Step:
    subject = f"timer {timer.name}"
    if not same:
        details = (timer.schedule, *(() if timer.enabled else ("switched off",)))
        return Step(subject, "create", details, lambda: _bind(graph, place, timer))
    there = same[0]
    if len(same) > 1 or there.urn != place or not _fires_alike(there, timer):
        moved = f"bound to {_qualifier(there.urn)} → {_qualifier(place)}"
        details = (f"{one_line(there.schedule, 80)} → {timer.schedule}", *(() if there.urn == place else (moved,)))
        return Step(subject, "replace", details, lambda: _replace(graph, place, timer, same))
    if there.status != _status(timer):
        details = (f"status: {one_line(there.status, 20)} → {_status(timer)}",)
        return Step(
            subject, "change", details, lambda: graph.put_trigger_status(there.urn, there.ident, _status(timer))
        )
    return Step(subject, "unchanged", (timer.schedule,))


def _bind(graph: FunctionGraph, place: str, timer: Timer) -> None:
    data = {
        "name": timer.name,
        "schedule_type": schedule_type(timer.schedule),
        "schedule": timer.schedule,
        "user_event": timer.user_event,
    }
    graph.create_trigger(place, {"trigger_type_code": "TIMER", "trigger_status": _status(timer), "event_data": data})


def _replace(graph: FunctionGraph, place: str, timer: Timer, old: Sequence[BoundTimer]) -> None:
    for there in old:
        deletion(graph, there)()
    try:
        _bind(graph, place, timer)
    except DeployError as problem:
        raise DeployError(
            f"the timer {timer.name} was deleted and could not be created anew, so NOTHING RUNS THE AUDIT: "
            f"{problem.what}",
            problem.mend,
            problem.code,
        ) from None


def _fires_alike(there: BoundTimer, timer: Timer) -> bool:
    wanted = (schedule_type(timer.schedule), timer.schedule, timer.user_event)
    return (there.schedule_type, there.schedule, there.user_event) == wanted


def _status(timer: Timer) -> str:
    return "ACTIVE" if timer.enabled else "DISABLED"


def _qualifier(urn: str) -> str:
    return urn.rpartition(":")[2]
