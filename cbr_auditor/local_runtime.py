"""FunctionGraph's Python runtime, as far as a function can tell: the child process of `cbr-auditor invoke`.

It is copied to where the platform keeps its server and started alone, so it imports Python's own library only: nothing
of cbr_auditor may be in `sys.modules`, or within reach by accident, before the handler's file puts it there.
What is alike, and where it was read, stands in `cbr_auditor.invoke`.
"""

import importlib
import importlib.util
import json
import logging
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

# ruff: noqa: N802  # the context's methods bear FunctionGraph's names

LARGEST_ANSWER = 6_291_456  # bytes, RUNTIME_MAX_RESP_BODY_SIZE


class Context:
    """What FunctionGraph passes to a handler: the documented methods, and `getProjectID`, which exists beside them."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._end = time.monotonic() + float(os.environ["RUNTIME_TIMEOUT"])

    def getRequestID(self) -> str:
        """The invocation's id."""
        return str(self._request["request_id"])

    def getRemainingTimeInMilliSeconds(self) -> int:
        """The time until this process is killed."""
        return int(max(0.0, self._end - time.monotonic()) * 1000)

    def getAccessKey(self) -> str:
        """Nothing: the platform gave this up."""
        return ""

    def getSecretKey(self) -> str:
        """Nothing: the platform gave this up."""
        return ""

    def getSecurityAccessKey(self) -> str:
        """Nothing: there is no agency here, only its token."""
        return ""

    def getSecuritySecretKey(self) -> str:
        """Nothing, as `getSecurityAccessKey`."""
        return ""

    def getSecurityToken(self) -> str:
        """Nothing, as `getSecurityAccessKey`."""
        return ""

    def getToken(self) -> str:
        """The agency's token; empty where the function has no agency."""
        return str(self._request["token"])

    def getUserData(self, key: str) -> str | None:
        """A variable, encrypted or not. There is no second argument for a default."""
        value: str | None = json.loads(os.environ["RUNTIME_USERDATA"]).get(key)
        return value

    def getFunctionName(self) -> str:
        """The function's name."""
        return os.environ["RUNTIME_FUNC_NAME"]

    def getRunningTimeInSeconds(self) -> int:
        """The time that the function was given."""
        return int(os.environ["RUNTIME_TIMEOUT"])

    def getVersion(self) -> str:
        """The function's version."""
        return os.environ["RUNTIME_FUNC_VERSION"]

    def getMemorySize(self) -> int:
        """The memory that the function was given, in MB."""
        return int(os.environ["RUNTIME_MEMORY"])

    def getCPUNumber(self) -> int:
        """The share of a core that the function was given, in thousandths."""
        return int(os.environ["RUNTIME_CPU"])

    def getPackage(self) -> str:
        """The function's group."""
        return os.environ["RUNTIME_PACKAGE"]

    def getLogger(self) -> logging.Logger:
        """The root logger, as on the platform: what libraries log at INFO and above is seen too."""
        return logging.getLogger()

    def getAlias(self) -> str:
        """The alias that was invoked."""
        return ""

    def getProjectID(self) -> str:
        """The project that the function belongs to."""
        return os.environ["RUNTIME_PROJECT_ID"]


def main() -> None:
    """Read the request from stdin, invoke the handler in a thread, and leave the answer in the file that it names."""
    request = json.loads(sys.stdin.buffer.read())
    _log_as_the_platform(request["request_id"])
    if libraries := request.get("libraries"):
        _take_libraries(*libraries)
    answer: dict[str, Any] = {}
    thread = threading.Thread(target=lambda: answer.update(_invoke(request)), name="Thread-1", daemon=True)
    thread.start()
    thread.join()
    if not answer:
        sys.exit("the runtime could not write the answer down")
    answer["memory"] = peak_memory("self")
    partial = Path(f"{request['answer']}.partial")
    partial.write_text(json.dumps(answer), encoding="utf-8")
    partial.replace(request["answer"])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the platform waits for the handler alone, not for threads that it left behind


def _take_libraries(folder: str, place: str) -> None:
    """Put the runtime's own libraries on the path, before or behind the code, and import all of them if that is asked.

    The order on the platform is not documented. One that cannot be imported leaves its parts behind, as there.
    """
    code = sys.argv[2]
    if place == "last":
        sys.path[1:1] = [code]
        sys.path.append(folder)
    else:
        sys.path[1:1] = [folder, code]
    if place == "imported":
        for name in sorted(path.stem for path in Path(folder).iterdir() if path.suffix in {"", ".py"}):
            if name.isidentifier() and name != "bin":
                try:
                    importlib.import_module(name)
                except ImportError as problem:
                    logging.getLogger().warning("the runtime's %s cannot be imported: %s", name, problem)


def _invoke(request: dict[str, Any]) -> dict[str, Any]:
    try:
        function = _load(Path(sys.argv[2]), os.environ["RUNTIME_HANDLER"])
    except BaseException as problem:  # noqa: BLE001  # sys.exit() in the file is a failure like any other
        return _error(4001, "failed to load the function", problem)
    try:
        result = function(request["event"], Context(request))
    except BaseException as problem:  # noqa: BLE001  # as above
        return _error(4002, "function invocation exception", problem)
    try:
        body = json.dumps("" if result is None else result, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        return _error(4007, "the function's result is not JSON", problem)
    if len(body) > LARGEST_ANSWER:
        size = ValueError(f"{len(body)} bytes, at most {LARGEST_ANSWER} are allowed")
        return _error(4004, "the function's result is too large", size)
    return {"code": 0, "body": body}


def _load(code: Path, handler: str) -> Callable[[Any, Any], Any]:
    """The handler from its file, which does not get into `sys.modules`."""
    stem, _, name = handler.partition(".")
    spec = importlib.util.spec_from_file_location(stem, code / f"{stem}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[Any, Any], Any] = getattr(module, name)
    return function


def _error(code: int, what: str, problem: BaseException) -> dict[str, Any]:
    error = {
        "errorCode": code,
        "errorMessage": f"{what}, error: {problem}",
        "errorType": type(problem).__name__,
        "stackTrace": traceback.format_exception(type(problem), problem, _own_frames(problem.__traceback__)),
    }
    return {"code": code, "error": error}


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the runtime's frames at its start."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith((__file__, "<frozen importlib")):
        trace = trace.tb_next
    return trace


def _log_as_the_platform(request_id: str) -> None:
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s {request_id} %(levelname)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%SZ",
        stream=sys.stdout,
    )
    for handler in logging.getLogger().handlers:
        assert handler.formatter is not None
        handler.formatter.converter = time.gmtime


def peak_memory(process: int | str) -> float | None:
    """The most memory that a process has used, in MB; None where the system does not tell.

    Not `getrusage`: its figure is inherited from the process that started this one.
    """
    try:
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="utf-8"))
    except OSError:
        return None
    return int(peak[1]) / 1024 if peak else None


if __name__ == "__main__":
    main()
