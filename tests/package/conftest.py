"""The zips, built once for all tests here, without network: `make test-slow` has laid out what they are built of."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cbr_auditor.interpreter import Interpreter, find_interpreter
from cbr_auditor.package.lock import RUNTIMES

ROOT = Path(__file__).parent.parent.parent
PREPARED = Path(__file__).parent / ".prepared"
OLD_LIBRARIES = PREPARED / "runtime"


SOURCES = (
    *("cbr_auditor", "rules", "templates", "locks", "handler.py"),
    *("pyproject.toml", "README.md", "auditor.sample.toml"),
)


def checkout(folder: Path, source: Path = ROOT) -> Path:
    """The repository once more, as far as a build reads it."""
    folder.mkdir()
    for name in SOURCES:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name)
        else:
            shutil.copy(source / name, folder)
    return folder


def build(runtime: str, out: Path, *arguments: str, source: Path = ROOT, **environ: str) -> str:
    """Call `cbr-auditor package` of the code in `source`; gives what it wrote on stderr."""
    assert PREPARED.is_dir(), "call make test-slow, which prepares this"
    out.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "cbr_auditor", "package", "--runtime", runtime, "--out", str(out), *arguments],
        cwd=out,
        env={
            **os.environ,
            "PYTHONPATH": str(source),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(PREPARED / "wheels"),
            **environ,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def the_zip(folder: Path) -> Path:
    (path,) = folder.glob("*.zip")
    return path


def unpacked(archive: Path, code: Path) -> Path:
    with zipfile.ZipFile(archive) as content:
        content.extractall(code)
    return code


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that nobody edits while the tests run."""
    return checkout(tmp_path_factory.mktemp("source") / "checkout")


@pytest.fixture(scope="session")
def dist(source: Path, runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `package` wrote for a runtime."""
    folder = tmp_path_factory.mktemp("dist")
    build(runtime, folder, source=source)
    return folder


@pytest.fixture(scope="session")
def archive(dist: Path) -> Path:
    return the_zip(dist)


@pytest.fixture(scope="session")
def python(runtime: str) -> Interpreter:
    """The runtime's interpreter."""
    if found := find_interpreter(runtime):
        return found
    pytest.skip(f"!!! THERE IS NO PYTHON {runtime} ON THIS MACHINE: the zip for Python{runtime} WAS NOT RUN !!!")
