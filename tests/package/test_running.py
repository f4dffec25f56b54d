"""The zip under the runtime's own Python, among the old libraries that FunctionGraph brings: none of them is used."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from cbr_auditor.clock import SystemClock
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.tenant import demo_tenant
from cbr_auditor.interpreter import Interpreter
from tests.delivery.receivers import Mailbox, Receiver, free_port
from tests.package.conftest import OLD_LIBRARIES, build, the_zip, unpacked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

OLD = {
    "certifi": "2024.07.04",
    "chardet": "3.0.4",
    "idna": "2.10",
    "requests": "2.24.0",
    "typing_extensions": None,  # says no version
    "urllib3": "1.25.11",
}

# The zip's own handler, and behind its answer: where each module came from that a library in the zip could have given.
PROBE = """

_audit, _brought = handler, _libraries(Path(__file__).resolve().parent) | {"chardet"}


def handler(event, context):
    answer = _audit(event, context)
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in _brought}
    answer["files"] = {name: module.__file__ for name, module in modules.items() if getattr(module, "__file__", None)}
    answer["versions"] = {name: getattr(module, "__version__", None) for name, module in modules.items()}
    answer["python"] = sys.version_info[:2]
    return answer
"""


@dataclass(frozen=True)
class Invoked:
    status: int
    answer: Any
    log: str


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[CbrEndpoint]:
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


@pytest.fixture
def code(archive: Path, tmp_path: Path) -> Path:
    """The unpacked zip with the probe; its handler is compiled, and an edit would not be seen beside that."""
    folder = unpacked(archive, tmp_path / "function" / "code")
    for compiled in (folder / "__pycache__").glob("handler.*"):
        compiled.unlink()
    with (folder / "handler.py").open("a") as file:
        file.write(PROBE)
    return folder


def invoke(code: Path, python: Interpreter, *arguments: str) -> Invoked:
    command = [sys.executable, "-m", "cbr_auditor", "invoke", "--code", str(code), "--python", python.path]
    done = subprocess.run(
        [*command, "--timer", "daily", *arguments], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    return Invoked(done.returncode, json.loads(done.stdout or "null"), done.stderr)


def test_the_old_libraries_are_those_that_the_platform_lists() -> None:
    script = (
        "import importlib, json, sys; print(json.dumps([importlib.import_module(n).__version__ for n in sys.argv[1:]]))"
    )
    names = [name for name, version in OLD.items() if version and name not in {"requests", "urllib3"}]
    done = subprocess.check_output([sys.executable, "-S", "-c", script, *names], env={"PYTHONPATH": str(OLD_LIBRARIES)})
    assert dict(zip(names, json.loads(done), strict=True)) == {name: OLD[name] for name in names}
    for folder in ("requests-2.24.0", "urllib3-1.25.11", "typing_extensions-4.12.2"):
        assert (OLD_LIBRARIES / f"{folder}.dist-info").is_dir()


@pytest.mark.parametrize("place", ["first", "last", "imported"])
def test_the_zip_runs_with_its_own_libraries_wherever_the_runtimes_are(
    code: Path, python: Interpreter, tenant: CbrEndpoint, receiver: Receiver, tmp_path: Path, place: str
) -> None:
    mailbox = Mailbox()
    relay = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    relay.start()
    secrets = tmp_path / "secrets.env"
    secrets.write_text(
        f"AUDITOR_WEBHOOK_URL={receiver.url()}\n"
        f"AUDITOR_SMTP_HOST=127.0.0.1\nAUDITOR_SMTP_PORT={relay.port}\n"
        "AUDITOR_SMTP_SECURITY=none\nAUDITOR_MAIL_FROM=auditor@example.com\nAUDITOR_MAIL_TO=ops@example.com\n"
    )
    try:
        invoked = invoke(
            code, python, "--runtime-libs", f"{OLD_LIBRARIES}:{place}", "--env-file", str(secrets), "--timeout", "120"
        )
    finally:
        relay.stop()
    assert invoked.status == 0, f"{invoked.answer}\n{invoked.log}"
    answer = invoked.answer
    assert tuple(answer["python"]) == python.version[:2]
    assert (answer["verdict"], answer["complete"]) == ("fail", False)
    assert answer["summary"]["backups"] > 100
    assert {delivery["channel"]: delivery["ok"] for delivery in answer["deliveries"]} == {"mail": True, "webhook": True}
    assert json.loads(receiver.requests[0].body)["run_id"] == answer["run_id"]
    assert mailbox.mails[0]["To"] == "ops@example.com"

    files, versions = answer["files"], answer["versions"]
    assert {"requests", "urllib3.util.retry", "typing_extensions", "idna", "certifi", "pydantic_core"} <= set(files)
    strays = {name: file for name, file in files.items() if not file.startswith(f"{code}/")}
    assert strays == {}
    assert not [name for name, old in OLD.items() if old and versions.get(name) == old]


def test_the_runtimes_libraries_are_really_in_the_way(code: Path, python: Interpreter, tenant: CbrEndpoint) -> None:
    """Without the handler's first lines the runtime's libraries win, or these tests would prove nothing."""
    handler = code / "handler.py"
    text = handler.read_text()
    assert "\n_put_first(" in text
    handler.write_text(text.replace("\n_put_first(", "\nstr("))
    invoked = invoke(code, python, "--runtime-libs", f"{OLD_LIBRARIES}:first")
    assert invoked.status == 1
    assert invoked.answer["errorCode"] == 4001, "it could be loaded"


def test_the_zip_as_it_is_needs_nothing_of_the_interpreters_own(
    archive: Path, python: Interpreter, tenant: CbrEndpoint
) -> None:
    invoked = invoke(archive, python, "--timeout", "120")
    assert invoked.status == 0, invoked.log
    assert invoked.answer["verdict"] == "fail"


def test_a_zip_without_compiled_modules_runs_too(
    source: Path, runtime: str, python: Interpreter, tenant: CbrEndpoint, tmp_path: Path
) -> None:
    build(runtime, tmp_path, "--no-compile", source=source)
    invoked = invoke(the_zip(tmp_path), python, "--timeout", "120")
    assert invoked.status == 0, invoked.log


def test_a_timezone_is_known_where_the_system_knows_none(
    code: Path, python: Interpreter, tenant: CbrEndpoint, tmp_path: Path
) -> None:
    script = (
        "import sys, zoneinfo; zoneinfo.reset_tzpath(to=[]); sys.path.insert(0, sys.argv[1]);"
        "print(*[zoneinfo.ZoneInfo(name) for name in ('Europe/Berlin', 'Asia/Shanghai', 'UTC')])"
    )
    said = subprocess.check_output([python.path, "-S", "-I", "-B", "-c", script, str(code)], text=True)
    assert said.split() == ["Europe/Berlin", "Asia/Shanghai", "UTC"]
