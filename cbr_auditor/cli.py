"""The command line: `cbr-auditor demo | run | rules | check | explain | doctor | invoke | package | deploy …`."""

import argparse
import io
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from cbr_auditor import __version__, explain, invoke, rule_commands
from cbr_auditor.clock import Deadline, SystemClock
from cbr_auditor.clouds import load_for_operator
from cbr_auditor.demo.expectations import expectations
from cbr_auditor.demo.tenant import demo_tenant
from cbr_auditor.deploy import arguments as deployment
from cbr_auditor.doctor import command as doctor
from cbr_auditor.errors import AuditorError, SettingsError
from cbr_auditor.formats import FORMATS
from cbr_auditor.report import Trigger
from cbr_auditor.run import Run, run
from cbr_auditor.settings import Settings, load_settings
from cbr_auditor.terminal import print_summary

_EXIT_STATUS = """\
exit status of run:
  0  nothing at or above AUDITOR_FAIL_ON was found, and everything was seen
  1  a finding at or above AUDITOR_FAIL_ON (default: high)
  2  a setting is wrong; nothing was requested
  3  something could not be seen, or a rule crashed
  4  a channel failed; the others were served
  5  a defect of the auditor: no report could be made
"""

_FORMATS_HELP = f"also write it for other systems: {', '.join(FORMATS)}, separated by commas (AUDITOR_FORMATS)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
    except SettingsError as problem:
        print(f"cbr-auditor: {problem}", file=sys.stderr)
        return 2
    except AuditorError as problem:
        print(f"cbr-auditor: {problem}", file=sys.stderr)
        return 5
    except KeyboardInterrupt:
        lost = "; no report was made" if arguments.command in {_run, _demo} else ""
        print(f"cbr-auditor: interrupted{lost}", file=sys.stderr, flush=True)
        os._exit(130)  # requests under way in other threads would hold the process up
    except Exception:  # noqa: BLE001  # a defect has an exit status of its own, so that nobody takes it for a finding
        traceback.print_exc()
        print("cbr-auditor: this is a defect of the auditor; no report was made", file=sys.stderr)
        return 5
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cbr-auditor", description="Audit the backups of a CBR project.")
    parser.add_argument("--version", action="version", version=f"cbr-auditor {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="audit the embedded demo tenant and write its report")
    demo.add_argument("--out", type=Path, default=Path("out"), help="where to write the report (default: out)")
    demo.add_argument("--profile", default="strict", help="which set of rules is on (default: strict, every rule)")
    demo.add_argument("--format", metavar="NAMES", help=_FORMATS_HELP.removesuffix(" (AUDITOR_FORMATS)"))
    demo.set_defaults(command=_demo)

    real = commands.add_parser(
        "run",
        help="audit the project that the settings name",
        epilog=_EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    real.add_argument("--out", type=Path, help="also write the report's files there (AUDITOR_OUT)")
    real.add_argument("--format", metavar="NAMES", help=_FORMATS_HELP)
    real.add_argument("--config", type=Path, help="the auditor.toml to read (AUDITOR_CONFIG)")
    real.add_argument("--timeout", type=_seconds, default=840.0, help="seconds for the whole run (default: 840)")
    real.set_defaults(command=_run)

    catalogue = commands.add_parser("rules", help="all rules; one rule's page; a new rule")
    rule_commands.add_rules_arguments(catalogue)
    catalogue.set_defaults(command=rule_commands.rules)

    checked = commands.add_parser("check", help="read settings, rules and waivers without any request")
    rule_commands.add_check_arguments(checked)
    checked.set_defaults(command=rule_commands.check)

    finding = commands.add_parser("explain", help="one finding: its record, its rule, the options in force")
    explain.add_arguments(finding)
    finding.set_defaults(command=explain.main)

    examined = commands.add_parser("doctor", help="check each step that a run takes, and say how to mend it")
    doctor.add_arguments(examined)
    examined.set_defaults(command=doctor.main)

    local = commands.add_parser("invoke", help="run handler.py locally as FunctionGraph does")
    invoke.add_arguments(local)
    local.set_defaults(command=invoke.main)

    zipped = commands.add_parser("package", help="build the function's zip for a runtime")
    _add_package_arguments(zipped)
    zipped.set_defaults(command=_package)

    deployment.add_commands(commands)
    return parser


def _add_package_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Build the zip that FunctionGraph runs, with its SHA-256 and its bill of materials beside it."
    parser.add_argument("--runtime", choices=("3.10", "3.12"), default="3.10", help="its Python (default: 3.10)")
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="where to (default: dist)")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the auditor.toml to put in (default: the current folder's, if any)"
    )
    parser.add_argument(
        "--add", type=Path, action="append", default=[], metavar="DIR", help="a folder of your own rules or templates"
    )
    compiler = parser.add_mutually_exclusive_group()
    compiler.add_argument(
        "--python",
        metavar="PATH",
        help="the interpreter that compiles, of the runtime's version (default: look for one)",
    )
    compiler.add_argument("--no-compile", action="store_true", help="put no compiled modules in")


def _package(arguments: argparse.Namespace) -> int:
    from cbr_auditor.package.command import main as package  # noqa: PLC0415  # no other command needs it

    return package(arguments)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 259_200:
        raise argparse.ArgumentTypeError(f"{text!r}: use seconds from 1 to 259200")
    return seconds


def _run(arguments: argparse.Namespace) -> int:
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    environ = dict(os.environ)
    if arguments.config is not None:
        environ["AUDITOR_CONFIG"] = str(arguments.config)
    settings, place = load_for_operator(environ, given={"out": arguments.out, "formats": arguments.format})
    if place:
        logging.getLogger("cbr_auditor").info("signing in with %s", place)
    return _audit(settings, arguments.timeout).exit_status


def _demo(arguments: argparse.Namespace) -> int:
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.ERROR, stream=sys.stderr)
    now = SystemClock().now()
    tenant = demo_tenant(now)
    with tenant.serve() as endpoint:
        settings = load_settings(
            {},
            given={
                "region": "eu-de",
                "cbr_endpoint": endpoint.url,
                "project_id": tenant.project_id,
                "token": tenant.token,
                "out": arguments.out,
                "formats": arguments.format,
                **expectations(now, arguments.profile),
            },
        )
        _audit(settings, 120)
    return 0


def _audit(settings: Settings, seconds: float) -> Run:
    clock = SystemClock()
    result = run(
        settings,
        trigger=Trigger(type="CLI"),
        clock=clock,
        deadline=Deadline(clock, seconds),
        log=logging.getLogger("cbr_auditor"),
    )
    _tell(result)
    return result


def _tell(result: Run) -> None:
    """Print the summary; a terminal that cannot show it does not undo the run."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        if sys.stdout is not None:
            print_summary(result, sys.stdout)
            sys.stdout.flush()
    except OSError as problem:
        logging.getLogger("cbr_auditor").warning("the summary could not be printed: %s", problem.strerror)
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # or Python fails again when it flushes at its end
