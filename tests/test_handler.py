import json
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.clock import SystemClock
from cbr_auditor.demo.tenant import demo_tenant

ROOT = Path(__file__).parent.parent
HANDLER = ROOT / "handler.py"

# What the platform does before and while it loads the handler, in an interpreter of its own.
PLATFORM = """
import importlib.util, json, sys
runtime, code, *preloaded = sys.argv[1:]
sys.path.insert(0, runtime)
before = {name: __import__(name) for name in preloaded}
def load():
    spec = importlib.util.spec_from_file_location("handler", code + "/handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
module = load()
answer = module.handler({"key": "value"}, None)
again = load().handler({"key": "value"}, None)
print(json.dumps({
    "answer": answer,
    "again": again,
    "first": sys.path[0],
    "times": sys.path.count(code),
    "kept": [name for name in before if sys.modules.get(name) is before[name]],
    "registered": getattr(sys.modules.get("handler"), "__file__", None),
}))
"""

ENTRY = """
import requests, requests.sessions, typing_extensions

def handle(event, context):
    return {
        "event": event,
        "requests": requests.__file__,
        "sessions": requests.sessions.__file__,
        "typing_extensions": typing_extensions.__file__,
    }
"""


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """The runtime's own folder, with the old libraries that FunctionGraph brings."""
    folder = tmp_path / "runtime"
    write(folder / "requests" / "__init__.py", "import requests.sessions, typing_extensions\n__version__ = '2.24.0'\n")
    write(folder / "requests" / "sessions.py", "OLD = True\n")
    write(folder / "typing_extensions.py", "OLD = True\n")
    write(folder / "six.py", "OLD = True\n")
    write(folder / "server_tools.py", "")
    return folder


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The unpacked zip: handler.py, the auditor and its libraries."""
    folder = tmp_path / "code"
    write(folder / "cbr_auditor" / "__init__.py", "")
    write(folder / "cbr_auditor" / "functiongraph.py", ENTRY)
    write(folder / "requests" / "__init__.py", "__version__ = '2.34.2'\n")
    write(folder / "requests" / "sessions.py", "")
    write(folder / "typing_extensions.py", "Sentinel = object()\n")
    shutil.copy(HANDLER, folder)
    shutil.copy(ROOT / "cbr_auditor" / "memory.py", folder / "cbr_auditor")
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def load(runtime: Path, code: Path, *preloaded: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", PLATFORM, str(runtime), str(code), *preloaded],
        capture_output=True,
        text=True,
        check=False,
        cwd=runtime,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_zips_libraries_win_over_the_runtimes_ahead_of_them_on_the_path(runtime: Path, code: Path) -> None:
    loaded = load(runtime, code)
    assert loaded["answer"]["typing_extensions"] == str(code / "typing_extensions.py")
    assert loaded["answer"]["requests"] == str(code / "requests" / "__init__.py")
    assert loaded["first"] == str(code)


def test_libraries_that_the_runtime_has_already_imported_are_dropped_with_their_submodules(
    runtime: Path, code: Path
) -> None:
    loaded = load(runtime, code, "requests", "typing_extensions")
    assert loaded["answer"]["typing_extensions"] == str(code / "typing_extensions.py")
    assert loaded["answer"]["requests"] == str(code / "requests" / "__init__.py")
    assert loaded["answer"]["sessions"] == str(code / "requests" / "sessions.py")
    assert loaded["kept"] == []


def test_what_the_zip_does_not_bring_is_left_to_the_runtime(runtime: Path, code: Path) -> None:
    loaded = load(runtime, code, "six", "server_tools", "requests")
    assert loaded["kept"] == ["six", "server_tools"]


def test_the_zips_requests_does_not_take_a_chardet_of_the_runtime(runtime: Path, code: Path) -> None:
    write(runtime / "chardet" / "__init__.py", "")
    write(
        code / "requests" / "__init__.py",
        "try:\n    import chardet\nexcept ImportError:\n    chardet = None\nassert chardet is None\n",
    )
    assert load(runtime, code)["answer"]["requests"] == str(code / "requests" / "__init__.py")
    assert load(runtime, code, "chardet")["kept"] == []


def test_parts_of_a_library_that_the_runtime_could_not_import_are_dropped_too(runtime: Path, code: Path) -> None:
    write(runtime / "requests" / "__init__.py", "import requests.sessions\nraise ImportError\n")
    write(runtime / "server_tools.py", "try:\n    import requests\nexcept ImportError:\n    pass\n")
    loaded = load(runtime, code, "server_tools")
    assert loaded["answer"]["sessions"] == str(code / "requests" / "sessions.py")


def test_pythons_own_modules_are_never_dropped(runtime: Path, code: Path) -> None:
    write(code / "json" / "__init__.py", "")
    assert load(runtime, code, "json", "email")["kept"] == ["json", "email"]


def test_the_program_that_runs_is_never_dropped(runtime: Path, code: Path) -> None:
    write(code / "__main__.py", "")
    assert load(runtime, code, "__main__")["kept"] == ["__main__"]


def test_the_zips_own_libraries_stay_though_they_were_imported_through_a_link(tmp_path: Path, code: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(code)
    assert load(link, code, "requests")["kept"] == ["requests"]


def test_a_module_of_the_runtime_that_is_called_handler_stays(runtime: Path, code: Path) -> None:
    write(runtime / "handler.py", "")
    loaded = load(runtime, code, "handler")
    assert loaded["kept"] == ["handler"]
    assert loaded["registered"] == str(runtime / "handler.py")


def test_the_handler_needs_no_place_in_sys_modules(runtime: Path, code: Path) -> None:
    loaded = load(runtime, code)
    assert loaded["registered"] is None
    assert loaded["answer"]["event"] == {"key": "value"}


def test_a_namespace_package_of_the_runtime_gives_way_too(runtime: Path, code: Path) -> None:
    (runtime / "dateutil").mkdir()
    write(code / "dateutil" / "__init__.py", "")
    assert load(runtime, code, "dateutil")["kept"] == []


def test_loading_twice_is_loading_once(runtime: Path, code: Path) -> None:
    loaded = load(runtime, code, "requests")
    assert loaded["again"] == loaded["answer"]
    assert loaded["times"] == 1


def test_a_code_folder_reached_through_a_link_is_the_same_folder(runtime: Path, code: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(code)
    loaded = load(runtime, link, "requests")
    assert loaded["answer"]["requests"] == str(code / "requests" / "__init__.py")
    assert loaded["again"] == loaded["answer"]


def test_in_a_checkout_nothing_is_dropped_because_the_folder_brings_no_library(tmp_path: Path) -> None:
    script = """
import importlib.util, sys
import requests, typing_extensions, msgspec, cbr_auditor.errors
before = dict(sys.modules)
spec = importlib.util.spec_from_file_location("handler", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
sys.exit(str([name for name in before if sys.modules.get(name) is not before[name]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(HANDLER)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stderr == "[]\n"


def test_the_auditor_with_all_its_libraries_runs_where_the_runtime_has_imported_older_ones(tmp_path: Path) -> None:
    code = unpacked_zip(tmp_path / "function" / "code")
    runtime = tmp_path / "runtime"
    old = ("typing_extensions", "requests", "urllib3", "idna", "certifi", "charset_normalizer", "six", "dateutil")
    for name in old:
        write(runtime / name / "__init__.py", "OLD = True\n")
    # The platform's server: what it needs itself is imported from beside it, then it loads the handler.
    server = (ROOT / "cbr_auditor" / "local_runtime.py").read_text()
    write(runtime / "server.py", f"import {', '.join(old)}\n{server}")
    tenant = demo_tenant(SystemClock().now())
    with tenant.serve() as endpoint:
        variables = {"AUDITOR_REGION": "eu-de", "AUDITOR_CBR_ENDPOINT": endpoint.url}
        subprocess.run(
            [sys.executable, "-S", "-B", str(runtime / "server.py"), "127.0.0.1:31536", str(code)],
            input=json.dumps(
                {"request_id": "1", "event": None, "token": tenant.token, "answer": str(tmp_path / "answer.json")}
            ),
            text=True,
            check=True,
            cwd=code.parent,
            env={
                "RUNTIME_HANDLER": "handler.handler",
                "RUNTIME_TIMEOUT": "60",
                "RUNTIME_PROJECT_ID": tenant.project_id,
                "RUNTIME_USERDATA": json.dumps(variables),
            },
        )
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert answer["code"] == 0, answer["error"]
    assert json.loads(answer["body"])["verdict"] == "fail"


def unpacked_zip(code: Path) -> Path:
    """The function's code folder: handler.py, the auditor, and every library that the lock names."""
    for name in ("cbr_auditor", "rules", "templates"):
        shutil.copytree(ROOT / name, code / name)
    shutil.copy(HANDLER, code)
    for name in re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text()):
        try:
            files = metadata.files(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another Python version
        for file in files:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (code / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), code / file)
    return code


def test_importing_looks_for_no_garbage_and_leaves_it_to_the_run(tmp_path: Path) -> None:
    script = (
        "import gc, sys; sys.path.insert(0, sys.argv[1]); looked = [];"
        "gc.callbacks.append(lambda *told: looked.append(told));"
        "import handler; print(len(looked), gc.isenabled(), gc.get_freeze_count() > 10_000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(HANDLER.parent)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    looked, *rest = done.stdout.split()
    assert rest == ["True", "True"]
    assert int(looked) < 60  # for what is imported before; all of it takes hundreds
