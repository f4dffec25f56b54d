"""`cbr-auditor invoke`: run handler.py on this machine the way FunctionGraph does.

The handler runs in a fresh Python process, in a thread that is not the main one; its file is loaded without being in
`sys.modules`, `sys.argv` is a server's, the working folder is the one above the code, and once the function's time is
over the process is killed. AUDITOR_* variables of the caller are the function's plain variables: in `os.environ` and
in the user data. Those of `--env-file` are its encrypted variables: in the user data only. AUDITOR_TOKEN is the
agency's token and AUDITOR_PROJECT_ID the function's project, which the platform gives by other ways than variables.

The answer goes to stdout as JSON, the log to stderr, both without secrets. Not alike: the code folder can be written
to, no memory limit is enforced (a warning says where it was exceeded), and the whole processor may be used.
Sources: FunctionGraph's user guide ("Notes and Constraints", "Developing a Function in Python", "Creating a Timer
Trigger"), and the sample logs and runtime of the opentelekomcloud-community.
"""

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from dotenv.parser import parse_stream

from cbr_auditor import local_runtime
from cbr_auditor.errors import SettingsError
from cbr_auditor.mask import Mask
from cbr_auditor.settings import PREFIX, Settings
from cbr_auditor.text import one_line

_MEMORY = (128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 8192, 10240)  # MB
_LARGEST_EVENT = 6 * 2**20  # bytes of a synchronous request
_LARGEST_ASYNCHRONOUS = 256 * 2**10  # bytes of an asynchronous request or answer
_MOST_VARIABLES, _LONGEST_VARIABLES = 20, 4096  # each for plain and encrypted ones; characters as JSON
_LONGEST_LINE = 90 * 2**10
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
    parser.add_argument(
        "--env-file", type=Path, metavar="FILE", help="NAME=value lines: the function's encrypted variables"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=60, metavar="S", help="seconds until the function is killed (default: 60)"
    )
    parser.add_argument(
        "--code", type=Path, default=Path(), metavar="DIR", help="the folder that holds handler.py (default: this one)"
    )
    parser.add_argument(
        "--memory", type=int, choices=_MEMORY, default=256, metavar="MB", help="the function's memory (default: 256)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Invoke the handler once; 0 where it answered, 1 where it did not. Raises `SettingsError` before it starts."""
    code = arguments.code.resolve()
    if not (code / "handler.py").is_file():
        raise SettingsError(f"there is no handler.py in {code}", "Name its folder with --code.")
    plain = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    encrypted = read_env_file(arguments.env_file) if arguments.env_file else {}
    hidden = [value for name, value in [*os.environ.items(), *encrypted.items()] if _is_secret(name, encrypted)]
    given = {**plain, **encrypted}
    invocation = _Invocation(
        code=code,
        event=_event(arguments),
        token=given.pop(f"{PREFIX}TOKEN", ""),
        project_id=given.pop(f"{PREFIX}PROJECT_ID", ""),
        plain={name: value for name, value in given.items() if name not in encrypted},
        encrypted={name: value for name, value in given.items() if name in encrypted},
        timeout=arguments.timeout,
        memory=arguments.memory,
    )
    mask = Mask(hidden)
    answer = invocation.run(_Output(invocation.request_id, mask))
    print(json.dumps(mask.value(answer.body), indent=2))
    return 0 if answer.code == 0 else 1


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


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the function gave back, or the error in the platform's words."""

    code: int
    """0, or the runtime's error code."""
    body: Any
    memory: float | None = None
    """The most memory that was used, in MB, where it is known."""


class _Output:
    """The function's log on stderr: a line is cleaned of secrets, and of what would steer a terminal."""

    def __init__(self, request_id: str, mask: Mask) -> None:
        self._request_id = request_id
        self._mask = mask

    def line(self, text: str) -> None:
        """What the function wrote."""
        print(one_line(self._mask.text(text.rstrip()), _LONGEST_LINE), file=sys.stderr, flush=True)

    def platform(self, text: str) -> None:
        """What the platform says about the invocation."""
        self.line(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ} {text}")

    def warn(self, text: str) -> None:
        """Where the platform would differ."""
        self.platform(f"{self._request_id} WARN {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Invocation:
    """One invocation of one function."""

    code: Path
    event: Any
    token: str
    project_id: str
    plain: dict[str, str]
    encrypted: dict[str, str]
    timeout: int
    """Seconds."""
    memory: int
    """MB."""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def run(self, output: _Output) -> _Answer:
        """Start, wait, log and judge."""
        self._check_variables(output)
        size = len(json.dumps(self.event, ensure_ascii=False).encode("utf-8", "replace"))
        if size > _LARGEST_EVENT:
            return _failure(
                4140, "RequestTooLarge", f"the event has {size} bytes, at most {_LARGEST_EVENT} are allowed"
            )
        _check_asynchronous(output, "event", size)
        output.platform(f"Start invoke request '{self.request_id}', version: latest")
        started = time.monotonic()
        with TemporaryDirectory(prefix="cbr-auditor-invoke-") as folder:
            answer = self._invoke(Path(folder), output)
        milliseconds = (time.monotonic() - started) * 1000
        if answer.code:
            output.platform(f"{self.request_id} ERROR {answer.code} {answer.body['errorMessage']}")
        else:
            _check_asynchronous(output, "answer", len(json.dumps(answer.body)))
        if answer.memory is not None and answer.memory > self.memory:
            output.warn(f"{answer.memory:.0f} MB were used: with {self.memory} MB the platform would have ended it")
        memory = "unknown" if answer.memory is None else f"{answer.memory:.3f}MB"
        output.platform(
            f"Finish invoke request '{self.request_id}', duration: {milliseconds:.3f}ms, "
            f"billing duration: {math.ceil(milliseconds)}ms, memory used: {memory}, "
            f"billing memory: {self.memory}MB"
        )
        return answer

    def _invoke(self, folder: Path, output: _Output) -> _Answer:
        home = folder / "home" / "snuser"
        server = home / "runtime" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "server.py"
        server.parent.mkdir(parents=True)
        (home / "log").mkdir()
        shutil.copyfile(local_runtime.__file__, server)
        answer = folder / "answer.json"
        child = subprocess.Popen(  # noqa: S603  # our own file, by the interpreter that runs this one
            [sys.executable, "-s", "-B", "-u", "-X", "utf8", str(server), "127.0.0.1:31536", str(self.code)],
            cwd=self.code.parent if os.access(self.code.parent, os.X_OK) else folder,
            env=self._environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        try:
            return self._wait(child, answer, output)
        finally:
            child.kill()
            child.wait()

    def _wait(self, child: "subprocess.Popen[str]", answer: Path, output: _Output) -> _Answer:
        assert child.stdin is not None
        assert child.stdout is not None
        reader = threading.Thread(target=_pass_on, args=(child.stdout, output), daemon=True)
        reader.start()
        request = {
            "request_id": self.request_id,
            "event": self.event,
            "token": self.token,
            "answer": str(answer),
        }
        with suppress(BrokenPipeError), child.stdin as stdin:
            stdin.write(json.dumps(request))
        try:
            status = child.wait(self.timeout)
        except subprocess.TimeoutExpired:
            memory = local_runtime.peak_memory(child.pid)
            child.kill()
            reader.join(1.0)
            why = f"the function did not end within {self.timeout} s and was killed (SIGKILL)"
            return _failure(4010, "Timeout", why, memory)
        reader.join(1.0)  # a process that the function left behind may hold the pipe open
        return _read_answer(answer, status)

    def _environment(self, home: Path) -> dict[str, str]:
        # The caller's own environment stays (proxies, authorities), without what would steer Python or the function.
        hidden = (PREFIX, "RUNTIME_", "PYTHON")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        for name in self.encrypted:
            inherited.pop(name, None)
        return {
            **inherited,
            **self.plain,
            "RUNTIME_PROJECT_ID": self.project_id,
            "RUNTIME_FUNC_NAME": "cbr-auditor",
            "RUNTIME_FUNC_VERSION": "latest",
            "RUNTIME_PACKAGE": "default",
            "RUNTIME_HANDLER": "handler.handler",
            "RUNTIME_TIMEOUT": str(self.timeout),
            "RUNTIME_USERDATA": json.dumps({**self.plain, **self.encrypted}),
            "RUNTIME_MEMORY": str(self.memory),
            "RUNTIME_CPU": str(200 + self.memory * 100 // 128),
            "RUNTIME_MAX_RESP_BODY_SIZE": str(local_runtime.LARGEST_ANSWER),
            "RUNTIME_ROOT": str(home / "runtime"),
            "RUNTIME_CODE_ROOT": str(self.code),
            "RUNTIME_LOG_DIR": str(home / "log"),
        }

    def _check_variables(self, output: _Output) -> None:
        for kind, variables in (("plain", self.plain), ("encrypted", self.encrypted)):
            if len(variables) > _MOST_VARIABLES or len(json.dumps(variables)) > _LONGEST_VARIABLES:
                output.warn(
                    f"{len(variables)} {kind} variables of {len(json.dumps(variables))} characters: "
                    f"the platform takes {_MOST_VARIABLES} of {_LONGEST_VARIABLES}; use auditor.toml"
                )


def _pass_on(stream: TextIO, output: _Output) -> None:
    with stream:
        for line in stream:
            output.line(line)


def _read_answer(path: Path, status: int) -> _Answer:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        ended = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return _failure(4002, "ProcessEnded", f"the function's process {ended} before the function returned")
    if content["code"]:
        return _Answer(content["code"], content["error"], content["memory"])
    return _Answer(0, json.loads(content["body"]), content["memory"])


def _failure(code: int, kind: str, message: str, memory: float | None = None) -> _Answer:
    return _Answer(code, {"errorCode": code, "errorMessage": message, "errorType": kind, "stackTrace": []}, memory)


def _check_asynchronous(output: _Output, what: str, size: int) -> None:
    if size > _LARGEST_ASYNCHRONOUS:
        output.warn(
            f"the {what} has {size} bytes: asynchronously (as a timer) only {_LARGEST_ASYNCHRONOUS} are carried"
        )


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
