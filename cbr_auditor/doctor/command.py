"""The command `doctor`."""

import argparse
import os
import sys
from pathlib import Path

import msgspec

from cbr_auditor.clock import Deadline, SystemClock
from cbr_auditor.clouds import load_for_operator

_SECONDS = 60.0  # for all requests together


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what `main` takes."""
    parser.description = "Check each step that a run takes, without auditing or sending anything."
    parser.epilog = "Exit status: 0 if all that is needed works, 1 if something failed. No secret is printed."
    parser.add_argument("--config", type=Path, help="the auditor.toml to read (AUDITOR_CONFIG)")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON, as the function gives it")
    parser.add_argument("--verbose", action="store_true", help="also each library with the file that is loaded")


def main(arguments: argparse.Namespace) -> int:
    """Check everything and print it; 0 where nothing that is needed failed, else 1."""
    from cbr_auditor.doctor.examination import examine  # noqa: PLC0415  # every other command does without
    from cbr_auditor.doctor.table import print_examination  # noqa: PLC0415  # as above

    environ = dict(os.environ)
    if arguments.config is not None:
        environ["AUDITOR_CONFIG"] = str(arguments.config)
    clock = SystemClock()
    found = examine(lambda: load_for_operator(environ), clock, Deadline(clock, _SECONDS), limited=False)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode({"ok": found.ok, **msgspec.to_builtins(found)})).decode())
    else:
        print_examination(found, sys.stdout, verbose=arguments.verbose)
    return 0 if found.ok else 1
