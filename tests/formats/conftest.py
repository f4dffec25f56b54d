"""Whole runs with every format, over sockets, and what they wrote, read by other people's readers."""

import json
import logging
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.clock import Deadline
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.formats import FORMATS
from cbr_auditor.report import Trigger
from cbr_auditor.run import run
from cbr_auditor.settings import load_settings
from tests.fakes import PROJECT, FakeClock
from tests.test_cli import call
from tests.test_contract import TOKEN


class Written:
    """A run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
        self.ocsf: list[dict[str, Any]] = json.loads((folder / FORMATS["ocsf"]).read_bytes())
        self.sarif: dict[str, Any] = json.loads((folder / FORMATS["sarif"]).read_bytes())
        self.junit = ET.parse(folder / FORMATS["junit"]).getroot()

    @property
    def findings(self) -> list[dict[str, Any]]:
        """All findings of report.json, the waived ones last."""
        return [*self.report["findings"], *self.report["waived"]]

    @property
    def results(self) -> list[dict[str, Any]]:
        """SARIF's results."""
        results: list[dict[str, Any]] = self.sarif["runs"][0]["results"]
        return results

    def suite(self, rule: str) -> ET.Element:
        """JUnit's suite of a rule."""
        (suite,) = [suite for suite in self.junit if suite.get("name") == rule]
        return suite


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The demo tenant, audited by the command as a person calls it, with a row that cannot be read."""
    folder = tmp_path_factory.mktemp("demo")
    result = call("demo", "--format", "ocsf,sarif,junit", cwd=folder)
    assert result.returncode == 0, result.stderr
    for name in FORMATS.values():
        assert f"out/{name}" in result.stdout
    return Written(folder / "out")


Go = Callable[..., Written]


@pytest.fixture
def go(tmp_path: Path, clock: FakeClock) -> Go:
    """A run against an endpoint, which writes every format."""

    def start(endpoint: CbrEndpoint, toml: str = "", **variables: str) -> Written:
        (tmp_path / "auditor.toml").write_text(toml)
        environ = {
            "AUDITOR_REGION": "eu-de",
            "AUDITOR_CBR_ENDPOINT": endpoint.url,
            "AUDITOR_PROJECT_ID": PROJECT,
            "AUDITOR_TOKEN": TOKEN,
            "AUDITOR_OUT": str(tmp_path / "out"),
            "AUDITOR_FORMATS": "ocsf, sarif,junit",
            **variables,
        }
        run(
            load_settings(environ, beside=tmp_path),
            trigger=Trigger("CLI"),
            clock=clock,
            deadline=Deadline(clock, 840),
            log=logging.getLogger("test"),
        )
        for path in (tmp_path / "out").iterdir():
            assert TOKEN not in path.read_text()
        return Written(tmp_path / "out")

    return start


WAIVER = """
[[waivers]]
rule = "backup-error"
resource = "disk-2"
reason = "it is <gone> & [forgotten](1)"
owner = "ops"
expires = 2026-12-31
"""
