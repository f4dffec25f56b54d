"""`cbr-auditor deploy`, `rollback`, `remove` and `logs`: the function in the cloud, as serverless.yml describes it."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

from cbr_auditor.clock import Clock, SystemClock
from cbr_auditor.deploy.connection import connect, log_service
from cbr_auditor.deploy.deployment import load_deployment
from cbr_auditor.deploy.logs import read_log
from cbr_auditor.deploy.plan import Planner
from cbr_auditor.deploy.state import read_state
from cbr_auditor.deploy.step import Step
from cbr_auditor.deploy.withdrawal import remove_steps, rollback_steps
from cbr_auditor.errors import DeployError, SettingsError
from cbr_auditor.mask import Mask
from cbr_auditor.text import one_line

_MARKS = {"create": "+", "publish": "+", "delete": "-", "unchanged": " "}


def deploy(arguments: argparse.Namespace, clock: Clock | None = None) -> int:
    """Bring the function to what is described. Raises `SettingsError` before anything is requested."""
    clock = clock or SystemClock()
    deployment = load_deployment(arguments.file)
    code = deployment.code()
    try:
        connection = connect(deployment, clock)
        state = read_state(connection.graph, connection.urn, deployment.function.alias)
    except DeployError as problem:
        return _nothing_done(problem)
    steps = Planner(deployment, code, connection.graph, state, clock.now()).steps()
    return _go(f"{connection.urn}\n{code.name}, {len(code.content) / 1e6:.2f} MB", steps, arguments)


def rollback(arguments: argparse.Namespace) -> int:
    """Let the alias lead to an earlier version. Raises `SettingsError`."""
    deployment = load_deployment(arguments.file)
    try:
        connection = connect(deployment, SystemClock())
        state = read_state(connection.graph, connection.urn, deployment.function.alias)
    except DeployError as problem:
        return _nothing_done(problem)
    steps = rollback_steps(deployment, connection.graph, connection.urn, state, arguments.version)
    return _go(connection.urn, steps, arguments)


def remove(arguments: argparse.Namespace) -> int:
    """Delete the function with its timers, versions and aliases."""
    deployment = load_deployment(arguments.file)
    try:
        connection = connect(deployment, SystemClock())
        state = read_state(connection.graph, connection.urn, deployment.function.alias)
    except DeployError as problem:
        return _nothing_done(problem)
    steps = remove_steps(deployment, connection.graph, connection.urn, state)
    status = _go(connection.urn, steps, arguments)
    if status == 0 and steps and not arguments.dry_run:
        print("Left as they are: the agency, the log group, the SMN topic.")
    return status


def logs(arguments: argparse.Namespace) -> int:
    """Print the function's log, oldest line first."""
    deployment = load_deployment(arguments.file)
    clock = SystemClock()
    try:
        connection = connect(deployment, clock)
        stream = connection.graph.log_stream(f"{connection.urn}:latest")
        until = clock.now()
        mask = Mask(connection.secrets)
        lines = 0
        for line in read_log(
            log_service(deployment, connection),
            connection,
            stream,
            until - timedelta(hours=arguments.hours),
            until,
        ):
            print(one_line(mask.text(line), 10_000))
            lines += 1
    except DeployError as problem:
        print(f"cbr-auditor: {problem}", file=sys.stderr)
        return 1
    if not lines:
        print(f"cbr-auditor: there is no log of the last {arguments.hours:g} hours", file=sys.stderr)
    return 0


def _go(what: str, steps: Sequence[Step], arguments: argparse.Namespace) -> int:
    """Show the plan, ask, and do it; 1 where a step failed or nobody agreed, 130 where somebody interrupted it."""
    print(what)
    _show(steps)
    todo = [step for step in steps if step.run]
    if not todo:
        print("Nothing to do.")
        return 0
    if arguments.dry_run:
        print(f"{len(todo)} steps would be done (--dry-run).")
        return 0
    if not arguments.yes and not _agreed():
        print("Nothing was done.")
        return 1
    done: list[Step] = []
    for step in todo:
        assert step.run
        try:
            note = step.run()
        except DeployError as problem:
            _tell_how_far(f"{step.subject}: {problem}", todo, done, "Mend it and run the command again.")
            return 1
        except KeyboardInterrupt:
            what = f"interrupted at {step.subject}, {step.action}, which may be done or not."
            _tell_how_far(what, todo, done, "Run the command again: it goes on from there.")
            return 130
        done.append(step)
        print(f"done: {step.subject}, {step.action}{f' ({note})' if note else ''}", flush=True)
    return 0


def _tell_how_far(what: str, todo: Sequence[Step], done: Sequence[Step], mend: str) -> None:
    before = ", ".join(f"{one.subject} ({one.action})" for one in done) or "nothing"
    left = ", ".join(one.subject for one in todo[len(done) + 1 :]) or "nothing"
    print(f"cbr-auditor: {what}\nDone before: {before}. Not done: {left}. {mend}", file=sys.stderr)


def _show(steps: Sequence[Step]) -> None:
    for step in steps:
        mark = _MARKS.get(step.action, "~")
        print(f"  {mark} {step.subject}: {step.action}")
        for line in step.details:
            print(f"      {line}")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise SettingsError("there is nobody to ask whether to go on", "Look at --dry-run, then use --yes.")
    try:
        return input("Go on? [y/N] ").strip().lower() in {"y", "yes"}
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def _nothing_done(problem: DeployError) -> int:
    print(f"cbr-auditor: {problem} Nothing was changed.", file=sys.stderr)
    return 1
