"""A FunctionGraph on loopback, and a folder with the repository's serverless.yml and a tiny zip."""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cbr_auditor.cli import main
from tests.deploy.function_graph import FunctionGraphApi
from tests.fakes import PROJECT

ROOT = Path(__file__).resolve().parents[2]
NAME = "cbr-auditor"
URN = f"urn:fss:eu-de:{PROJECT}:function:default:{NAME}"
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "sk-" + "9f3c" * 8
TOPIC = f"urn:smn:eu-de:{PROJECT}:ops"

Run = Callable[..., tuple[int, str, str]]


def write_zip(path: Path, **files: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"handler.py": "def handler(event, context): ...", **files}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


@pytest.fixture
def api() -> Iterator[FunctionGraphApi]:
    with FunctionGraphApi(PROJECT, "gAAAAtoken") as server:
        server.access_keys[ACCESS_KEY] = SECRET_KEY
        yield server


class Project:
    """The operator's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "serverless.yml"
        shutil.copy(ROOT / "serverless.yml", self.file)
        self.zip = write_zip(folder / yaml.safe_load(self.file.read_text())["package"]["artifact"])

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert text.count(old) == 1, old
        self.file.write_text(text.replace(old, new))


@pytest.fixture
def project(tmp_path: Path, api: FunctionGraphApi, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, value in {
        "AUDITOR_PROJECT_ID": PROJECT,
        "AUDITOR_ACCESS_KEY": ACCESS_KEY,
        "AUDITOR_SECRET_KEY": SECRET_KEY,
        "FUNCTIONGRAPH_ENDPOINT": api.url,
        "LTS_ENDPOINT": api.url,
        "FAILURE_TOPIC": TOPIC,
    }.items():
        monkeypatch.setenv(name, value)
    return Project(tmp_path)


@pytest.fixture
def run(project: Project, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command on the project's description: exit status, stdout, stderr."""

    def command(*words: Any) -> tuple[int, str, str]:
        status = main([*map(str, words), "--file", str(project.file)])
        return status, *capsys.readouterr()

    return command
