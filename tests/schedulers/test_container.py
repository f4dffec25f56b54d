"""The image's content, laid out without an engine: what the container file copies is all that a run needs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cbr_auditor.clock import SystemClock
from cbr_auditor.demo.tenant import demo_tenant
from cbr_auditor.interpreter import find_interpreter
from tests.schedulers.files import CONTAINERFILE, DEPLOY, container, copied, pod

ROOT = DEPLOY.parent
WHEELS = ROOT / "tests" / "package" / ".prepared" / "wheels"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the COPY lines bring, as /opt/cbr-auditor has it."""
    folder = tmp_path_factory.mktemp("image")
    for sources, target in copied():
        for source in sources:
            to = folder / (source if target == "./" else target)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, to)
    return folder


def started(
    image: Path, work: Path, *arguments: str, python: str = sys.executable, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The image's entry point, in its working folder and with nothing else on the path than the libraries."""
    (entry,) = re.findall(r'^ENTRYPOINT \["python", (.*)\]$', CONTAINERFILE.read_text(), flags=re.MULTILINE)
    command = [python, *re.findall(r'"(.*?)"', entry), *arguments]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(image), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run(command, cwd=work, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_it_audits_and_writes_only_where_it_may(image: Path, tmp_path: Path) -> None:
    tenant = demo_tenant(SystemClock().now())
    work, temporary = tmp_path / "work", tmp_path / "tmp"
    for folder in (work, temporary):
        folder.mkdir()
    (work / "auditor.toml").write_text(f'region = "eu-de"\nproject_id = "{tenant.project_id}"\n')
    before = sorted(image.rglob("*"))
    with tenant.serve() as endpoint:
        ran = started(
            image,
            work,
            *container()["args"],
            AUDITOR_CBR_ENDPOINT=endpoint.url,
            AUDITOR_TOKEN=tenant.token,
            AUDITOR_OUT=str(temporary / "report"),
            TMPDIR=str(temporary),
        )
    assert ran.returncode == 1, ran.stderr
    assert (temporary / "report" / "report.html").is_file()
    assert [path.name for path in work.iterdir()] == ["auditor.toml"]
    assert sorted(image.rglob("*")) == before


@pytest.mark.parametrize("command", ["--version", "rules", "check"])
def test_its_other_commands_work_too(image: Path, tmp_path: Path, command: str) -> None:
    ran = started(image, tmp_path, command, AUDITOR_REGION="eu-nl", AUDITOR_PROJECT_ID="0" * 32, AUDITOR_TOKEN="t")
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
def test_the_commands_that_build_it_give_a_python_that_runs_it(image: Path, tmp_path: Path) -> None:
    interpreter = find_interpreter("3.12")
    if not interpreter:
        pytest.skip("!!! THERE IS NO PYTHON 3.12 ON THIS MACHINE: the image's own commands WERE NOT RUN !!!")
    built, work, tools = (tmp_path / name for name in ("built", "work", "tools"))
    shutil.copytree(image, built)
    for folder in (work, tools):
        folder.mkdir()
    (tools / "python").symlink_to(interpreter.path)
    text = CONTAINERFILE.read_text().replace("\\\n", " ")
    environ = {"PATH": f"{tools}:{os.environ['PATH']}", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS)}
    for command in re.findall(r"^RUN (.*)$", text, flags=re.MULTILINE):
        ran = subprocess.run(
            ["sh", "-c", command], cwd=built, env=environ, capture_output=True, text=True, timeout=100, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    shown = started(built, work, "rules", python=str(built / "venv" / "bin" / "python"))
    assert shown.returncode == 0, shown.stderr
    assert "backup-error" in shown.stdout
    assert not any(path.stat().st_mode & 0o004 == 0 for path in (built / "cbr_auditor").rglob("*"))
    assert len(list((built / "rules" / "__pycache__").iterdir())) > 40


def test_its_modules_are_those_of_the_image(image: Path, tmp_path: Path) -> None:
    code = "import cbr_auditor, cbr_auditor.layout as l; print(cbr_auditor.__file__, l.resource_folder('rules'))"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(image)}
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.split() == [str(image / "cbr_auditor" / "__init__.py"), str(image / "rules")]


def test_it_installs_by_hash_and_runs_as_nobody_in_particular() -> None:
    text = CONTAINERFILE.read_text()
    assert "--require-hashes" in text
    (user,) = re.findall(r"^USER (\d+):\d+$", text, flags=re.MULTILINE)
    assert int(user) == pod()["securityContext"]["runAsUser"] > 0
    (folder,) = re.findall(r"^WORKDIR (/etc/.*)$", text, flags=re.MULTILINE)
    assert folder in {mount["mountPath"] for mount in container()["volumeMounts"]}


def test_the_ignore_file_lets_through_what_is_copied_and_nothing_else() -> None:
    lines = (DEPLOY / "container" / "Containerfile.dockerignore").read_text().split()
    assert lines[0] == "**"
    assert {line[1:] for line in lines if line.startswith("!")} == {
        source for sources, _ in copied() for source in sources
    }
