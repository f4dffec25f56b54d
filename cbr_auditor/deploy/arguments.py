"""The command line of `deploy`, `rollback`, `remove` and `logs`; what they need is imported when they run."""

import argparse
from collections.abc import Callable
from typing import Any

FILE = "serverless.yml"


def add_commands(commands: Any) -> None:
    """Add the commands to those of `cbr-auditor`."""
    deploy = commands.add_parser("deploy", help="bring the function in the cloud to what serverless.yml describes")
    deploy.description = (
        "Compare the function with serverless.yml, show what differs, ask, and bring it there. Signs in as run does "
        "(AUDITOR_ACCESS_KEY and AUDITOR_SECRET_KEY, AUDITOR_TOKEN, or a user). Exit status: 0 done or nothing to do, "
        "1 a step failed, 2 the description is wrong and nothing was requested."
    )
    _add_common(deploy, changes=True)
    deploy.set_defaults(command=_lazily("deploy"))

    rollback = commands.add_parser("rollback", help="let the function's alias lead to an earlier version")
    rollback.add_argument("--version", metavar="NAME", help="which (default: the one before)")
    _add_common(rollback, changes=True)
    rollback.set_defaults(command=_lazily("rollback"))

    remove = commands.add_parser("remove", help="delete the function in the cloud, its timers and versions")
    _add_common(remove, changes=True)
    remove.set_defaults(command=_lazily("remove"))

    logs = commands.add_parser("logs", help="print the log of the function in the cloud")
    logs.add_argument("--hours", type=_hours, default=24.0, metavar="N", help="of the last N hours (default: 24)")
    _add_common(logs, changes=False)
    logs.set_defaults(command=_lazily("logs"))


def _add_common(parser: argparse.ArgumentParser, *, changes: bool) -> None:
    parser.add_argument(
        "--file", default=FILE, metavar="FILE", help=f"the description (default: {FILE}); - is JSON on stdin"
    )
    if changes:
        parser.add_argument("--yes", action="store_true", help="do it without asking")
        parser.add_argument("--dry-run", action="store_true", help="show what would be done, and change nothing")


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 24 * 30:
        raise argparse.ArgumentTypeError(f"{text!r}: use hours up to 720")
    return hours


def _lazily(name: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from cbr_auditor.deploy import command  # noqa: PLC0415  # no other command needs it

        status: int = getattr(command, name)(arguments)
        return status

    return run
