"""`cbr-auditor invoke`: run handler.py on this machine the way FunctionGraph does.

The handler runs in a fresh Python process, in a thread that is not the main one; its file is loaded without being in
`sys.modules`, `sys.argv` is a server's, the working folder is the one above the code, and once the function's time is
over the process is killed. AUDITOR_* variables of the caller are the function's plain variables: in `os.environ` and
in the user data. Those of `--env-file` are its encrypted variables: in the user data only. AUDITOR_TOKEN is the
agency's token and AUDITOR_PROJECT_ID the function's project, which the platform gives by other ways than variables.
A zip, and any code beside which `--runtime-libs` stand, runs without the libraries that the interpreter has of its own.

The answer goes to stdout as JSON, the log to stderr, both without secrets. Not alike: the code folder can be written
to, no memory limit is enforced (a warning says where it was exceeded), and the whole processor may be used.
Sources: FunctionGraph's user guide ("Notes and Constraints", "Developing a Function in Python", "Creating a Timer
Trigger"), and the sample logs and runtime of the opentelekomcloud-community.
"""

import argparse
import json
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dotenv.parser import parse_stream

from cbr_auditor.deploy.arguments import FILE
from cbr_auditor.errors import SettingsError
from cbr_auditor.interpreter import Interpreter, named_interpreter, this_interpreter
from cbr_auditor.invocation import Invocation, Output, RuntimeLibraries
from cbr_auditor.mask import Mask
from cbr_auditor.setting_sources import read_secret
from cbr_auditor.settings import PREFIX, Settings

_MEMORY = (128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 8192, 10240)  # MB
_PLACES = ("first", "last", "imported")
_BLANK_EVENT = {"key": "value"}  # the console's test event
_PLAIN = {
    PREFIX + name.upper()
    for name, setting in Settings.model_fields.items()
    if "SecretStr" not in str(setting.annotation)
} | {f"{PREFIX}CONFIG"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what `main` takes."""
    parser.description = "Run handler.py once as FunctionGraph does; the answer goes to stdout, the log to stderr."
    parser.epilog = (
        f"{PREFIX}* variables of the shell are the function's plain variables; {PREFIX}TOKEN is what its agency gives, "
        f"{PREFIX}PROJECT_ID its own project. Exit status: 0 if the function answered, 1 if it did not, 2 if it was "
        "not started."
    )
    event = parser.add_mutually_exclusive_group()
    event.add_argument("--event", metavar="FILE", help="the event as JSON, - for stdin (default: the console's test)")
    event.add_argument("--timer", metavar="NAME", help="the event that a timer of this name sends now")
    parser.add_argument("--remote", action="store_true", help="run the function that is deployed, not this code")
    parser.add_argument(
        "--file", default=FILE, metavar="FILE", help=f"with --remote: what describes it (default: {FILE})"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="with --remote: do not wait for the answer, which is lost after 90 s"
    )
    parser.add_argument(
        "--env-file", type=Path, metavar="FILE", help="NAME=value lines: the function's encrypted variables"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=60, metavar="S", help="seconds until the function is killed (default: 60)"
    )
    parser.add_argument(
        "--code",
        type=Path,
        default=Path(),
        metavar="DIR|ZIP",
        help="the folder that holds handler.py (default: this one), or the zip that `package` built",
    )
    parser.add_argument(
        "--python",
        metavar="VERSION|PATH",
        help="the interpreter, as 3.10 (default: the zip's; of a folder the one that runs this)",
    )
    parser.add_argument(
        "--runtime-libs",
        type=_runtime_libraries,
        metavar="DIR[:PLACE]",
        help="the runtime's own libraries: first (default) or last on the path, or imported before the handler",
    )
    parser.add_argument(
        "--memory", type=int, choices=_MEMORY, default=256, metavar="MB", help="the function's memory (default: 256)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Invoke the handler once; 0 where it answered, 1 where it did not. Raises `SettingsError` before it starts."""
    if arguments.remote:
        from cbr_auditor.deploy.remote import invoke_remote  # noqa: PLC0415  # a local run needs nothing of it

        return invoke_remote(arguments.file, _event(arguments), wait=not arguments.no_wait)
    with _code_folder(arguments.code.resolve()) as code:
        return _invoke(arguments, code)


@contextmanager
def _code_folder(code: Path) -> Iterator[Path]:
    """The folder that holds handler.py; a zip is unpacked for as long as it is needed."""
    with TemporaryDirectory(prefix="cbr-auditor-code-") as unpacked:
        folder = code
        if code.is_file():
            folder = Path(unpacked) / "function" / "code"
            try:
                with zipfile.ZipFile(code) as archive:
                    archive.extractall(folder)
            except (OSError, zipfile.BadZipFile) as problem:
                raise SettingsError(f"--code {code} is no zip: {problem}", "Build one by `package`.") from None
        if not (folder / "handler.py").is_file():
            raise SettingsError(f"there is no handler.py in {code}", "Name its folder with --code.")
        yield folder


def _invoke(arguments: argparse.Namespace, code: Path) -> int:
    plain = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    encrypted = read_env_file(arguments.env_file) if arguments.env_file else {}
    hidden = [value for name, value in [*os.environ.items(), *encrypted.items()] if _is_secret(name, encrypted)]
    given = {**plain, **encrypted}
    token = given.pop(f"{PREFIX}TOKEN", "")  # the platform would give the agency's, so nobody behind reads a file
    token = read_secret(f"{PREFIX}TOKEN", token, Path(), credential=True)
    invocation = Invocation(
        code=code,
        event=_event(arguments),
        token=token,
        project_id=given.pop(f"{PREFIX}PROJECT_ID", ""),
        plain={name: value for name, value in given.items() if name not in encrypted},
        encrypted={name: value for name, value in given.items() if name in encrypted},
        timeout=arguments.timeout,
        memory=arguments.memory,
        python=_interpreter(arguments, code),
        libraries=arguments.runtime_libs,
        complete=arguments.code.is_file(),
    )
    mask = Mask([*hidden, token])
    answer = invocation.run(Output(invocation.request_id, mask))
    print(json.dumps(mask.value(answer.body), indent=2))
    return 0 if answer.code == 0 else 1


def _interpreter(arguments: argparse.Namespace, code: Path) -> Interpreter:
    """The one that was named, else of a zip the one that its libraries were compiled for, else this one."""
    if arguments.python:
        python = named_interpreter(arguments.python)
    else:
        libraries = code.rglob("*.so") if arguments.code.is_file() else ()
        minors = {found[1] for path in libraries if (found := re.search(r"\.cpython-3(\d+)-", path.name))}
        python = named_interpreter(f"3.{minors.pop()}") if len(minors) == 1 else this_interpreter()
    if python.version < (3, 10):
        raise SettingsError(f"--python {arguments.python} is {python}, which is too old", "Use 3.10 or newer.")
    return python


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a file of NAME=value lines; comments, quotes and `export` are understood.

    Raises `SettingsError`, which names the line and never shows it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is no UTF-8"
        raise SettingsError(f"--env-file {path} cannot be read: {why}", "Check the path.") from None
    variables = {}
    for binding in parse_stream(StringIO(text)):
        name, value, (original, line) = binding.key, binding.value, binding.original
        if not (binding.error or name):
            continue
        if name is None or value is None or "\0" in value or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
            line += original[: len(original) - len(original.lstrip())].count("\n")
            raise SettingsError(
                f"--env-file {path}, line {line}: this is no variable (the line is not shown)",
                "Write NAME=value; a name has letters, digits and _ only.",
            )
        variables[name] = value
    return variables


def _event(arguments: argparse.Namespace) -> Any:
    if arguments.timer is not None:
        return {
            "version": "v1.0",
            "time": datetime.now(timezone.utc).astimezone().isoformat(timespec="seconds"),
            "trigger_type": "TIMER",
            "trigger_name": arguments.timer,
            "user_event": "",
        }
    if arguments.event is None:
        return _BLANK_EVENT
    try:
        text = sys.stdin.read() if arguments.event == "-" else Path(arguments.event).read_text(encoding="utf-8-sig")
        return json.loads(text)
    except OSError as problem:
        raise SettingsError(
            f"--event {arguments.event} cannot be read: {problem.strerror}", "Check the path."
        ) from None
    except (ValueError, RecursionError) as problem:
        raise SettingsError(
            f"--event {arguments.event} is no JSON: {problem}", "Compare it with a test event."
        ) from None


def _is_secret(name: str, encrypted: Mapping[str, str]) -> bool:
    """Whether a variable's value is kept out of the output: all but settings known to be harmless, where in doubt."""
    if name.startswith(PREFIX) or name in encrypted:
        return name not in _PLAIN
    return bool(re.search("TOKEN|SECRET|PASSWORD|PASSWD|_KEY$", name))


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 259_200:
        raise argparse.ArgumentTypeError(f"{text!r}: use whole seconds from 1 to 259200")
    return int(text)


def _runtime_libraries(text: str) -> RuntimeLibraries:
    folder, place = text, _PLACES[0]
    for known in _PLACES:
        if text.endswith(f":{known}"):
            folder, place = text.removesuffix(f":{known}"), known
    if not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(
            f"{folder!r} is no folder; behind it {', '.join(_PLACES)} may stand, as DIR:last"
        )
    return RuntimeLibraries(Path(folder).resolve(), place)
