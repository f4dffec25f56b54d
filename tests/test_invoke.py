import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor import invoke
from cbr_auditor.clock import SystemClock
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault, slow
from cbr_auditor.demo.tenant import demo_tenant
from cbr_auditor.errors import SettingsError
from tests.delivery.receivers import Receiver

ROOT = Path(__file__).parent.parent

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

# The methods of the user guide's table, and getProjectID.
CONTEXT_METHODS = [
    "getRequestID",
    "getRemainingTimeInMilliSeconds",
    "getAccessKey",
    "getSecretKey",
    "getSecurityAccessKey",
    "getSecuritySecretKey",
    "getSecurityToken",
    "getToken",
    "getUserData",
    "getFunctionName",
    "getRunningTimeInSeconds",
    "getVersion",
    "getMemorySize",
    "getCPUNumber",
    "getPackage",
    "getLogger",
    "getAlias",
    "getProjectID",
]


@dataclass
class Invoked:
    status: int
    answer: Any
    stdout: str
    log: str

    @property
    def error(self) -> tuple[int, str]:
        assert set(self.answer) == {"errorCode", "errorMessage", "errorType", "stackTrace"}
        return self.answer["errorCode"], self.answer["errorType"]


Invoke = Callable[..., Invoked]


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Writes a handler file and invokes it with some arguments."""

    def run(source: str, *arguments: str) -> Invoked:
        code = tmp_path / "opt" / "function" / "code"
        code.mkdir(parents=True, exist_ok=True)
        (code / "handler.py").write_text(source)
        parser = argparse.ArgumentParser()
        invoke.add_arguments(parser)
        status = invoke.main(parser.parse_args(["--code", str(code), *arguments]))
        out, err = capfd.readouterr()
        return Invoked(status, json.loads(out), out, err)

    return run


def test_the_answer_is_json_on_stdout_and_the_log_stands_between_start_and_finish(run: Invoke) -> None:
    invoked = run(
        "def handler(event, context):\n"
        "    context.getLogger().info('found %d', 3)\n"
        "    print('printed')\n"
        "    return {'event': event, 'id': context.getRequestID()}\n"
    )
    assert invoked.status == 0
    request_id = invoked.answer["id"]
    assert invoked.answer["event"] == {"key": "value"}
    start, logged, printed, finish = invoked.log.splitlines()
    assert re.fullmatch(f"{STAMP} Start invoke request '{request_id}', version: latest", start)
    assert re.fullmatch(f"{STAMP} {request_id} INFO found 3", logged)
    assert printed == "printed"
    assert re.fullmatch(
        rf"{STAMP} Finish invoke request '{request_id}', duration: \d+\.\d{{3}}ms, billing duration: \d+ms, "
        r"memory used: \d+\.\d{3}MB, billing memory: 256MB",
        finish,
    )


def test_the_log_is_in_utc_wherever_the_machine_stands(run: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    invoked = run("def handler(event, context): context.getLogger().info('here')\n")
    stamps = [line.split(" ")[0] for line in invoked.log.splitlines()]
    assert len(stamps) == 3
    assert stamps == sorted(stamps)


def test_what_libraries_log_and_what_goes_to_stderr_is_collected_too(run: Invoke) -> None:
    invoked = run(
        "import logging, os, sys\n"
        "def handler(event, context):\n"
        "    logging.getLogger('urllib3').warning('retrying')\n"
        "    logging.getLogger('urllib3').debug('too much')\n"
        "    print('to stderr', file=sys.stderr)\n"
        "    os.system('echo from a child')\n"
    )
    assert re.search(rf"{UUID} WARNING retrying", invoked.log)
    assert "to stderr\n" in invoked.log
    assert "from a child\n" in invoked.log
    assert "too much" not in invoked.log


def test_the_process_is_like_the_platforms(run: Invoke, tmp_path: Path) -> None:
    invoked = run(
        "import os, sys, threading\n"
        "from dataclasses import dataclass\n"
        "found_at_load = threading.current_thread() is threading.main_thread()\n"
        "def handler(event, context):\n"
        "    return {\n"
        "        'argv': sys.argv, 'cwd': os.getcwd(), 'path': sys.path[0], 'file': __file__,\n"
        "        'main': threading.current_thread() is threading.main_thread(), 'main_at_load': found_at_load,\n"
        "        'registered': __name__ in sys.modules,\n"
        "        'auditor': [name for name in sys.modules if name.startswith('cbr_auditor')],\n"
        "        'third_party': [name for name in sys.modules if name in ('pydantic', 'requests', 'msgspec')],\n"
        "    }\n"
    )
    code = tmp_path / "opt" / "function" / "code"
    server, address, folder = invoked.answer["argv"]
    assert re.search(r"/home/snuser/runtime/python3\.\d+/server\.py$", server)
    assert (address, folder) == ("127.0.0.1:31536", str(code))
    assert invoked.answer["path"] == str(Path(server).parent)
    assert invoked.answer["file"] == str(code / "handler.py")
    assert invoked.answer["cwd"] == str(code.parent)
    for name in ("main", "main_at_load", "registered"):
        assert invoked.answer[name] is False, name
    assert invoked.answer["auditor"] == []
    assert invoked.answer["third_party"] == []


def test_the_code_folder_stays_as_it_was(run: Invoke, tmp_path: Path) -> None:
    run("import tool\ndef handler(event, context): return 1\n")
    code = tmp_path / "opt" / "function" / "code"
    (code / "tool.py").write_text("")
    before = sorted(code.rglob("*"))
    source = "import sys\nsys.path.insert(0, sys.argv[2])\nimport tool\ndef handler(event, context): return 1\n"
    assert run(source).status == 0
    assert sorted(code.rglob("*")) == before


def test_signals_and_an_event_loop_fail_as_they_do_on_the_platform(run: Invoke) -> None:
    invoked = run("import signal\ndef handler(event, context): signal.alarm(1); signal.signal(signal.SIGALRM, print)\n")
    assert invoked.error == (4002, "ValueError")
    assert "main thread" in invoked.answer["errorMessage"]


def test_the_context_has_the_documented_methods_and_their_values(run: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_TOKEN", "token-of-the-agency")
    monkeypatch.setenv("AUDITOR_PROJECT_ID", "0605767b5780d5762fc5c0118072a564")
    invoked = run(
        f"NAMES = {CONTEXT_METHODS!r}\n"
        "def handler(event, context):\n"
        "    values = {name: getattr(context, name)() for name in NAMES if name not in ('getUserData', 'getLogger')}\n"
        "    token = values.pop('getToken')\n"
        "    return {**values, 'token': [len(token), token[:6]], 'logger': type(context.getLogger()).__name__}\n",
        "--memory",
        "512",
        "--timeout",
        "45",
    )
    answer = invoked.answer
    assert re.fullmatch(UUID, answer.pop("getRequestID"))
    assert 30_000 < answer.pop("getRemainingTimeInMilliSeconds") <= 45_000
    assert answer == {
        "getAccessKey": "",
        "getSecretKey": "",
        "getSecurityAccessKey": "",
        "getSecuritySecretKey": "",
        "getSecurityToken": "",
        "getFunctionName": "cbr-auditor",
        "getRunningTimeInSeconds": 45,
        "getVersion": "latest",
        "getMemorySize": 512,
        "getCPUNumber": 600,
        "getPackage": "default",
        "getAlias": "",
        "getProjectID": "0605767b5780d5762fc5c0118072a564",
        "token": [19, "token-"],
        "logger": "RootLogger",
    }


def test_without_a_token_the_function_has_no_agency(run: Invoke) -> None:
    assert run("def handler(event, context): return [context.getToken()]\n").answer == [""]


def test_get_user_data_takes_no_default(run: Invoke) -> None:
    invoked = run("def handler(event, context): return context.getUserData('AUDITOR_REGION', '')\n")
    assert invoked.error == (4002, "TypeError")


def test_plain_variables_are_seen_everywhere_and_encrypted_ones_in_the_user_data_only(
    run: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUDITOR_REGION", "eu-de")
    monkeypatch.setenv("AUDITOR_SMTP_PASSWORD", "from the caller")
    monkeypatch.setenv("PROD_TOKEN", "from the caller")
    env_file = tmp_path / "secrets.env"
    env_file.write_text("AUDITOR_SMTP_PASSWORD='from the file'\nAUDITOR_FAIL_ON=low\nPROD_TOKEN='the files'\n")
    invoked = run(
        "import json, os\n"
        "def handler(event, context):\n"
        "    user_data = json.loads(os.environ['RUNTIME_USERDATA'])\n"
        "    names = ['AUDITOR_REGION', 'AUDITOR_FAIL_ON', 'AUDITOR_SMTP_PASSWORD', 'PROD_TOKEN', 'AUDITOR_NONE']\n"
        "    sources = (os.environ.get, context.getUserData, user_data.get)\n"
        "    return [[len(source(name) or '') for name in names] for source in sources]\n",
        "--env-file",
        str(env_file),
    )
    assert invoked.answer == [[5, 0, 0, 0, 0], [5, 3, 13, 9, 0], [5, 3, 13, 9, 0]]


def test_token_and_project_come_from_the_platform_and_not_from_variables(
    run: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUDITOR_PROJECT_ID", "project-of-the-caller")
    env_file = tmp_path / "secrets.env"
    env_file.write_text("export AUDITOR_TOKEN=token-of-the-file\n")
    invoked = run(
        "import os\n"
        "def handler(event, context):\n"
        "    assert context.getToken() == 'token-' + 'of-the-file'\n"
        "    assert context.getUserData('AUDITOR_TOKEN') is None\n"
        "    assert 'of-the-file' not in str(os.environ)\n"
        "    assert 'AUDITOR_PROJECT_ID' not in os.environ\n"
        "    return os.environ['RUNTIME_PROJECT_ID']\n",
        "--env-file",
        str(env_file),
    )
    assert invoked.answer == "project-of-the-caller"


def test_the_callers_own_python_and_runtime_variables_do_not_reach_the_function(
    run: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("RUNTIME_ODD", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    invoked = run(
        "import os, sys\n"
        "def handler(event, context):\n"
        "    return [sorted(name for name in os.environ if name.startswith(('RUNTIME_', 'PYTHON'))),\n"
        "            [path for path in sys.path if 'elsewhere' in path], os.environ['HTTPS_PROXY']]\n"
    )
    names, path, proxy = invoked.answer
    assert names == [
        "RUNTIME_CODE_ROOT",
        "RUNTIME_CPU",
        "RUNTIME_FUNC_NAME",
        "RUNTIME_FUNC_VERSION",
        "RUNTIME_HANDLER",
        "RUNTIME_LOG_DIR",
        "RUNTIME_MAX_RESP_BODY_SIZE",
        "RUNTIME_MEMORY",
        "RUNTIME_PACKAGE",
        "RUNTIME_PROJECT_ID",
        "RUNTIME_ROOT",
        "RUNTIME_TIMEOUT",
        "RUNTIME_USERDATA",
    ]
    assert (path, proxy) == ([], "http://proxy.example:3128")


@pytest.mark.parametrize(
    ("source", "code", "kind"),
    [
        ("import nowhere_to_be_found\n", 4001, "ModuleNotFoundError"),
        ("def handler(event, context:\n", 4001, "SyntaxError"),
        ("import sys\nsys.exit('no')\n", 4001, "SystemExit"),
        ("def other(event, context): pass\n", 4001, "AttributeError"),
        ("def handler(event, context): raise KeyError('AUDITOR_REGION')\n", 4002, "KeyError"),
        ("import sys\ndef handler(event, context): sys.exit(3)\n", 4002, "SystemExit"),
        ("def handler(event): pass\n", 4002, "TypeError"),
        ("import os\ndef handler(event, context): os._exit(7)\n", 4002, "ProcessEnded"),
        ("import os\ndef handler(event, context): os.abort()\n", 4002, "ProcessEnded"),
        ("def handler(event, context): return 'x' * 6_291_456\n", 4004, "ValueError"),
        ("def handler(event, context): return object()\n", 4007, "TypeError"),
        ("def handler(event, context): return {'rate': float('nan')}\n", 4007, "ValueError"),
        ("def handler(event, context):\n    a = []\n    a.append(a)\n    return a\n", 4007, "ValueError"),
    ],
)
def test_a_failure_ends_with_the_platforms_code(run: Invoke, source: str, code: int, kind: str) -> None:
    invoked = run(source)
    assert invoked.status == 1
    assert invoked.error == (code, kind)
    assert re.search(f"{UUID} ERROR {code} ", invoked.log)


def test_an_interpreter_that_does_not_start_is_a_failure_too(
    run: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps("x" * 200_000))  # more than a pipe holds
    monkeypatch.setattr(sys, "executable", "/bin/false")
    invoked = run("", "--event", str(path))
    assert invoked.error == (4002, "ProcessEnded")
    assert "ended with status 1" in invoked.answer["errorMessage"]


def test_an_exception_that_cannot_be_told_is_a_failure_too(run: Invoke) -> None:
    invoked = run(
        "class Odd(Exception):\n"
        "    def __str__(self): raise RuntimeError('odd')\n"
        "def handler(event, context): raise Odd\n"
    )
    assert invoked.error == (4002, "ProcessEnded")
    assert "RuntimeError: odd" in invoked.log


def test_the_stack_trace_begins_in_the_handlers_file(run: Invoke) -> None:
    invoked = run("def handler(event, context): helper()\ndef helper(): raise OSError('disk full')\n")
    assert invoked.answer["errorMessage"] == "function invocation exception, error: disk full"
    trace = invoked.answer["stackTrace"]
    assert trace[0] == "Traceback (most recent call last):\n"
    assert ["handler.py" in line for line in trace] == [False, True, True, False]
    assert trace[-1] == "OSError: disk full\n"


def test_a_function_that_returns_nothing_answers_with_an_empty_text(run: Invoke) -> None:
    assert run("def handler(event, context): pass\n").answer == ""


def test_a_function_past_its_time_is_killed(run: Invoke, tmp_path: Path) -> None:
    invoked = run(
        "import os, signal, threading, time\n"
        "def handler(event, context):\n"
        "    print('began', os.getpid())\n"
        "    try:\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        print('never said')\n",
        "--timeout",
        "1",
    )
    assert invoked.status == 1
    assert invoked.error == (4010, "Timeout")
    assert "within 1 s" in invoked.answer["errorMessage"]
    assert "SIGKILL" in invoked.answer["errorMessage"]
    assert "never said" not in invoked.log
    began = re.search(r"began (\d+)", invoked.log)
    assert began
    assert not Path(f"/proc/{began[1]}").exists()
    assert re.search(r"duration: 1\d{3}\.\d+ms.*memory used: \d+\.\d+MB", invoked.log)


def test_threads_and_processes_that_are_left_behind_hold_nothing_up(run: Invoke) -> None:
    started = time.monotonic()
    invoked = run(
        "import subprocess, threading, time\n"
        "def handler(event, context):\n"
        "    threading.Thread(target=time.sleep, args=(30,), daemon=False).start()\n"
        "    left = subprocess.Popen(['sleep', '30'])\n"
        "    return left.pid\n"
    )
    os.kill(invoked.answer, 9)
    assert invoked.status == 0
    assert time.monotonic() - started < 20


def test_more_memory_than_the_function_has_is_warned_of(run: Invoke) -> None:
    source = "def handler(event, context): return len(bytearray(160 * 2**20))\n"
    assert re.search(r"WARN \d+ MB were used: with 128 MB", run(source, "--memory", "128").log)
    assert "WARN" not in run(source, "--memory", "512").log


def test_the_memory_is_the_functions_own_and_not_that_of_its_starter(run: Invoke) -> None:
    ballast = bytearray(200 * 2**20)
    used = re.search(r"memory used: (\d+)", run("def handler(event, context): pass\n").log)
    assert used
    assert int(used[1]) < 100 < len(ballast) / 2**20


def test_a_timer_sends_the_documented_event(run: Invoke) -> None:
    event = run("def handler(event, context): return event\n", "--timer", "daily").answer
    moment = event.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", moment)
    assert event == {"version": "v1.0", "trigger_type": "TIMER", "trigger_name": "daily", "user_event": ""}


def test_an_event_is_read_from_a_file_or_from_stdin(
    run: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def handler(event, context): return event\n"
    path = tmp_path / "event.json"
    path.write_text('{"from": "file", "text": "\\ud800 ä"}')
    assert run(source, "--event", str(path)).answer == {"from": "file", "text": "\ud800 ä"}
    with path.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert run(source, "--event", "-").answer["from"] == "file"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"{'key': 1}", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
    ],
)
def test_an_event_that_cannot_be_read_is_refused(
    run: Invoke, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "event.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"--event {path} {sentence}"):
        run("def handler(event, context): pass\n", "--event", str(path))


def test_an_event_over_6_mb_is_refused_and_over_256_kb_warned_of(run: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps("x" * 6_291_455))
    assert run("", "--event", str(path)).error == (4140, "RequestTooLarge")
    path.write_text(json.dumps("x" * 262_143))
    assert "WARN the event has 262145 bytes" in run("def handler(event, context): pass\n", "--event", str(path)).log
    path.write_text(json.dumps("x" * 262_142))
    assert "WARN" not in run("def handler(event, context): pass\n", "--event", str(path)).log


def test_an_answer_that_no_timer_could_carry_is_warned_of(run: Invoke) -> None:
    assert "WARN the answer has 262145 bytes" in run("def handler(event, context): return 'x' * 262_143\n").log


def test_more_variables_than_the_platform_takes_are_warned_of(run: Invoke, tmp_path: Path) -> None:
    env_file = tmp_path / "secrets.env"
    source = "def handler(event, context): pass\n"
    env_file.write_text("\n".join(f"NAME_{number}=value" for number in range(21)))
    assert "WARN 21 encrypted variables" in run(source, "--env-file", str(env_file)).log
    env_file.write_text(f"NAME={'x' * 4096}")
    assert "WARN 1 encrypted variables of 4108 characters" in run(source, "--env-file", str(env_file)).log
    env_file.write_text(f"NAME={'x' * 4000}")
    assert "WARN" not in run(source, "--env-file", str(env_file)).log


def test_no_secret_is_printed_in_whatever_way_the_function_lets_it_out(
    run: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUDITOR_TOKEN", "MIIagency-token")
    monkeypatch.setenv("AUDITOR_WEBHOOK_SECRET", "whsec_plain0000")
    monkeypatch.setenv("AUDITOR_SLACK_WEBHOK_URL", "https://hooks.slack.com/services/T00/B00/typo0000")
    monkeypatch.setenv("AUDITOR_REGION", "eu-de")
    monkeypatch.setenv("PROD_TOKEN", "MIIprod-token")
    env_file = tmp_path / "secrets.env"
    env_file.write_text(
        'AUDITOR_SMTP_PASSWORD="pa\\"ss\\\\word"\n'
        "AUDITOR_TEAMS_WEBHOOK_URL=https://x.logic.azure.com/workflows/abc/invoke?sig=Sig0000000\n"
        "RULE_KEY=rule-key-0000\n"
    )
    invoked = run(
        "import json, os, sys\n"
        "def handler(event, context):\n"
        "    text = os.environ['RUNTIME_USERDATA'] + context.getToken()\n"
        "    print(text + os.environ['PROD_TOKEN'])\n"
        "    context.getLogger().error('%s', json.loads(os.environ['RUNTIME_USERDATA']))\n"
        "    print('with url: /workflows/abc/invoke?sig=Sig0000000', file=sys.stderr)\n"
        "    raise RuntimeError(text)\n",
        "--env-file",
        str(env_file),
    )
    assert invoked.error == (4002, "RuntimeError")
    for output in (invoked.stdout, invoked.log):
        assert "eu-de" in output
        for secret in ("MIIagency", "MIIprod", "whsec_plain", "typo0000", "word", "Sig0000", "rule-key"):
            assert secret not in output, secret


def test_secrets_in_an_answer_are_masked_too(run: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_TOKEN", "MIIagency-token")
    invoked = run("def handler(event, context): return {context.getToken(): ['X ' + context.getToken()]}\n")
    assert invoked.answer == {"***": ["X ***"]}


def test_the_agencys_token_may_lie_in_a_file_as_for_every_command(
    run: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("MIIfiled-token\n")
    monkeypatch.setenv("AUDITOR_TOKEN", f"file:{tmp_path}/token")
    source = "def handler(event, context): return [len(context.getToken()), context.getToken()]\n"
    assert run(source).answer == [len("MIIfiled-token"), "***"]
    monkeypatch.setenv("AUDITOR_TOKEN", f"file:{tmp_path}/none")
    with pytest.raises(SettingsError, match="the file cannot be read"):
        run(source)


def test_what_the_function_prints_cannot_steer_the_terminal(run: Invoke) -> None:
    invoked = run("def handler(event, context): print('a\\x1b[2Jb\\u202ec')\n")
    assert "a [2Jb c\n" in invoked.log


def test_a_folder_without_a_handler_is_refused(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    invoke.add_arguments(parser)
    with pytest.raises(SettingsError, match=rf"there is no handler.py in {tmp_path}\. Name its folder with --code"):
        invoke.main(parser.parse_args(["--code", str(tmp_path)]))


def test_a_zip_is_unpacked_and_sees_no_library_of_the_interpreters(
    run: Invoke, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "function.zip"
    source = (
        "import importlib.util, os, sys\n"
        "def handler(event, context):\n"
        "    found = [name for name in ('pytest', 'requests') if importlib.util.find_spec(name)]\n"
        "    return {'file': __file__, 'cwd': os.getcwd(), 'found': found}\n"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("handler.py", source)
    assert run(source).answer["found"] == ["pytest", "requests"]
    invoked = run(source, "--code", str(path))
    assert invoked.answer["file"].endswith("/function/code/handler.py")
    assert invoked.answer["cwd"] == str(Path(invoked.answer["file"]).parent.parent)
    assert invoked.answer["found"] == []
    assert not Path(invoked.answer["cwd"]).exists()


def test_what_is_no_zip_and_a_zip_without_a_handler_are_refused(run: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "function.zip"
    path.write_bytes(b"PK, almost")
    with pytest.raises(SettingsError, match=f"--code {path} is no zip"):
        run("", "--code", str(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("function/handler.py", "")
    with pytest.raises(SettingsError, match=f"there is no handler.py in {path}"):
        run("", "--code", str(path))


@pytest.mark.parametrize(
    ("place", "path", "imported"),
    [
        ("", ["libraries", "code"], []),
        (":first", ["libraries", "code"], []),
        (":last", ["code", "libraries"], []),
        (":imported", ["libraries", "code"], ["old", "old.part", "single"]),
    ],
)
def test_the_runtimes_libraries_stand_where_they_are_put(
    run: Invoke, tmp_path: Path, place: str, path: list[str], imported: list[str]
) -> None:
    libraries = tmp_path / "libraries"
    for name in ("old/__init__.py", "old/part.py", "single.py", "broken.py", "old-1.0.dist-info/METADATA", "bin/tool"):
        (libraries / name).parent.mkdir(parents=True, exist_ok=True)
        (libraries / name).touch()
    (libraries / "old" / "__init__.py").write_text("import old.part\n")
    (libraries / "broken.py").write_text("import nowhere_to_be_found\n")
    invoked = run(
        "import importlib.util, os, sys\n"
        "tops = ('old', 'single', 'broken', 'bin')\n"
        "names = [name for name in sorted(sys.modules) if name.partition('.')[0] in tops]\n"
        "def handler(event, context):\n"
        "    path = [os.path.basename(path) for path in sys.path if path.endswith(('libraries', 'code'))]\n"
        "    return [path, names, importlib.util.find_spec('pytest') is None]\n",
        "--runtime-libs",
        f"{libraries}{place}",
    )
    assert invoked.answer == [path, imported, True]
    assert ("the runtime's broken cannot be imported: No module named 'nowhere_to_be_found'" in invoked.log) == (
        place == ":imported"
    )


def test_another_interpreter_runs_the_function(run: Invoke) -> None:
    source = "import sys\ndef handler(event, context): return [sys.executable, sys.argv[0]]\n"
    executable, server = run(source, "--python", sys.executable).answer
    assert executable == sys.executable
    assert f"/python3.{sys.version_info[1]}/server.py" in server
    with pytest.raises(SettingsError, match=r"there is no Python 3\.99 on this machine"):
        run(source, "--python", "3.99")


def test_a_zip_runs_under_the_python_that_its_libraries_were_compiled_for(run: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "function.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context): pass\n")
        archive.writestr("msgspec/_core.cpython-399-x86_64-linux-gnu.so", "")
    with pytest.raises(SettingsError, match=r"there is no Python 3\.99 on this machine"):
        run("", "--code", str(path))
    assert run("", "--code", str(path), "--python", sys.executable).status == 0


def test_an_interpreter_that_is_too_old_is_refused(run: Invoke, tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho cpython 3 9 2\n")
    old.chmod(0o755)
    with pytest.raises(SettingsError, match=r"is CPython 3\.9\.2, which is too old\. Use 3\.10 or newer"):
        run("", "--python", str(old))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--timeout", "0"],
        ["--timeout", "1.5"],
        ["--memory", "100"],
        ["--event", "-", "--timer", "daily"],
        ["--runtime-libs", "/nowhere:first"],
    ],
)
def test_impossible_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    invoke.add_arguments(parser)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(arguments)
    assert arguments[-2] in capsys.readouterr().err


def test_an_env_file_knows_comments_quotes_and_export(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    path.write_bytes(
        b"\xef\xbb\xbf# the mail relay\r\n"
        b"AUDITOR_SMTP_HOST = mail.example.com  # inside\r\n"
        b"\r\n"
        b"export AUDITOR_SMTP_PASSWORD='p#a$s{s}'\r\n"
        b'AUDITOR_MAIL_TO="a@example.com, b@example.com"\r\n'
        b'KEY="two\nlines"\r\n'
        b"EMPTY=\r\n"
    )
    assert invoke.read_env_file(path) == {
        "AUDITOR_SMTP_HOST": "mail.example.com",
        "AUDITOR_SMTP_PASSWORD": "p#a$s{s}",
        "AUDITOR_MAIL_TO": "a@example.com, b@example.com",
        "KEY": "two\nlines",
        "EMPTY": "",
    }


@pytest.mark.parametrize("line", ["S3CRET", "S3CRET key=1", "a-b=S3CRET", "1A=S3CRET", "A='S3CRET", "A=S3CRET\0"])
def test_a_line_of_an_env_file_that_is_no_variable_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    path = tmp_path / "secrets.env"
    path.write_text(f"REGION=eu-de\n\n# next\n\n{line}\n")
    with pytest.raises(SettingsError, match="line 5: this is no variable") as refused:
        invoke.read_env_file(path)
    assert "S3CRET" not in str(refused.value)


def test_an_env_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        invoke.read_env_file(tmp_path / "none.env")
    (tmp_path / "binary.env").write_bytes(b"A=\xff")
    with pytest.raises(SettingsError, match="it is no UTF-8"):
        invoke.read_env_file(tmp_path / "binary.env")


# The real handler


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[CbrEndpoint]:
    """The demo tenant as of now, and a caller's environment that names it."""
    tenant = demo_tenant(SystemClock().now())
    with tenant.serve() as endpoint:
        monkeypatch.setenv("AUDITOR_REGION", "eu-de")
        monkeypatch.setenv("AUDITOR_CBR_ENDPOINT", endpoint.url)
        monkeypatch.setenv("AUDITOR_PROJECT_ID", tenant.project_id)
        monkeypatch.setenv("AUDITOR_TOKEN", tenant.token)
        yield endpoint


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    one.start()
    yield one
    one.stop()


def invoke_command(*arguments: str, cwd: Path = ROOT) -> Invoked:
    done = subprocess.run(
        [sys.executable, "-m", "cbr_auditor", "invoke", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )
    return Invoked(done.returncode, json.loads(done.stdout or "null"), done.stdout, done.stderr)


def test_the_auditor_runs_as_on_the_platform(tenant: CbrEndpoint, receiver: Receiver, tmp_path: Path) -> None:
    env_file = tmp_path / "secrets.env"
    env_file.write_text(f"AUDITOR_WEBHOOK_URL='{receiver.url()}'\n")
    invoked = invoke_command("--timer", "daily", "--env-file", str(env_file))
    assert invoked.status == 0, invoked.log
    answer = invoked.answer
    assert (answer["verdict"], answer["exit_status"]) == ("fail", 1)
    assert answer["summary"]["backups"] > 100
    assert answer["deliveries"] == [{"channel": "webhook", "target": "127.0.0.1", "ok": True, "detail": "accepted"}]
    assert json.loads(receiver.requests[0].body)["run_id"] == answer["run_id"]
    assert re.search(rf"{STAMP} {UUID} INFO cbr-auditor \S+, Python \S+, TIMER, 55 s", invoked.log)
    assert "demo-token" not in invoked.stdout + invoked.log
    assert "xyzzySECRETplugh" not in invoked.stdout + invoked.log


def test_the_auditor_leaves_the_code_folder_as_it_was(tenant: CbrEndpoint, tmp_path: Path) -> None:
    code = tmp_path / "code"
    for name in ("cbr_auditor", "rules", "templates"):
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "handler.py", code)
    before = sorted((path, path.stat().st_mtime_ns) for path in [code, *code.rglob("*")])
    assert invoke_command("--code", str(code), cwd=tmp_path).status == 0
    assert sorted((path, path.stat().st_mtime_ns) for path in [code, *code.rglob("*")]) == before


def test_the_auditor_reports_what_it_saw_before_it_would_be_killed(tenant: CbrEndpoint) -> None:
    tenant.faults.append(Fault(slow(30)))
    invoked = invoke_command("--timeout", "6")
    assert invoked.error == (4002, "AuditFailedError")
    assert "no audit was made" in invoked.answer["errorMessage"]
    assert "The report reached nobody" in invoked.answer["errorMessage"]


def test_a_wrong_setting_is_told_in_the_platforms_error(tenant: CbrEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDITOR_TOKEN")
    invoked = invoke_command()
    assert (invoked.status, invoked.error) == (1, (4002, "SettingsError"))
    assert "Give it an agency with CBR ReadOnlyAccess" in invoked.answer["errorMessage"]


def test_a_wrong_argument_of_the_command_ends_it_with_2(tmp_path: Path) -> None:
    invoked = invoke_command("--code", str(tmp_path))
    assert invoked.status == 2
    assert "there is no handler.py" in invoked.log
