"""One invocation of a function on this machine: the process, its variables, its time, its log, its answer.

What is alike and what is not stands in `cbr_auditor.invoke`.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from cbr_auditor import local_runtime
from cbr_auditor.interpreter import Interpreter, python_environment, this_interpreter
from cbr_auditor.mask import Mask
from cbr_auditor.settings import PREFIX
from cbr_auditor.text import one_line

_LARGEST_EVENT = 6 * 2**20  # bytes of a synchronous request
_LARGEST_ASYNCHRONOUS = 256 * 2**10  # bytes of an asynchronous request or answer
_MOST_VARIABLES, _LONGEST_VARIABLES = 20, 4096  # each for plain and encrypted ones; characters as JSON
_LONGEST_LINE = 90 * 2**10


@dataclass(frozen=True, slots=True)
class Answer:
    """What the function gave back, or the error in the platform's words."""

    code: int
    """0, or the runtime's error code."""
    body: Any
    memory: float | None = None
    """The most memory that was used, in MB, where it is known."""


class Output:
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


@dataclass(frozen=True, slots=True)
class RuntimeLibraries:
    """The libraries that the runtime brings; they take the place of those that the interpreter has of its own."""

    folder: Path
    place: str
    """`first` or `last`: before or behind the code on the path; `imported`: first, and imported before the handler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
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
    python: Interpreter = field(default_factory=this_interpreter)
    libraries: RuntimeLibraries | None = None
    complete: bool = False
    """Whether the code brings every library that it needs, so that the interpreter's own are out of its sight."""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def run(self, output: Output) -> Answer:
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

    def _invoke(self, folder: Path, output: Output) -> Answer:
        home = folder / "home" / "snuser"
        server = home / "runtime" / f"python{self.python.minor}" / "server.py"
        server.parent.mkdir(parents=True)
        (home / "log").mkdir()
        shutil.copyfile(local_runtime.__file__, server)
        answer = folder / "answer.json"
        alone = ["-S"] if self.complete or self.libraries else []
        flags = [*alone, "-s", "-B", "-u", "-X", "utf8"]
        child = subprocess.Popen(  # noqa: S603  # our own file, by an interpreter that the user chose
            [self.python.path, *flags, str(server), "127.0.0.1:31536", str(self.code)],
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

    def _wait(self, child: "subprocess.Popen[str]", answer: Path, output: Output) -> Answer:
        assert child.stdin is not None
        assert child.stdout is not None
        reader = threading.Thread(target=_pass_on, args=(child.stdout, output), daemon=True)
        reader.start()
        request = {
            "request_id": self.request_id,
            "event": self.event,
            "token": self.token,
            "answer": str(answer),
            "libraries": [str(self.libraries.folder), self.libraries.place] if self.libraries else None,
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
        hidden = (PREFIX, "RUNTIME_")
        inherited = {name: value for name, value in python_environment().items() if not name.startswith(hidden)}
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

    def _check_variables(self, output: Output) -> None:
        for kind, variables in (("plain", self.plain), ("encrypted", self.encrypted)):
            if len(variables) > _MOST_VARIABLES or len(json.dumps(variables)) > _LONGEST_VARIABLES:
                output.warn(
                    f"{len(variables)} {kind} variables of {len(json.dumps(variables))} characters: "
                    f"the platform takes {_MOST_VARIABLES} of {_LONGEST_VARIABLES}; use auditor.toml"
                )


def _pass_on(stream: TextIO, output: Output) -> None:
    with stream:
        for line in stream:
            output.line(line)


def _read_answer(path: Path, status: int) -> Answer:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        ended = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return _failure(4002, "ProcessEnded", f"the function's process {ended} before the function returned")
    if content["code"]:
        return Answer(content["code"], content["error"], content["memory"])
    return Answer(0, json.loads(content["body"]), content["memory"])


def _failure(code: int, kind: str, message: str, memory: float | None = None) -> Answer:
    return Answer(code, {"errorCode": code, "errorMessage": message, "errorType": kind, "stackTrace": []}, memory)


def _check_asynchronous(output: Output, what: str, size: int) -> None:
    if size > _LARGEST_ASYNCHRONOUS:
        output.warn(
            f"the {what} has {size} bytes: asynchronously (as a timer) only {_LARGEST_ASYNCHRONOUS} are carried"
        )
