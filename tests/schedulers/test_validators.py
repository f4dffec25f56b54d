"""The files judged by the schedulers' own validators and schemas."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.schedulers.files import CONTAINERFILE, CRONJOB, PIPELINE, UNITS, WORKFLOW, unit

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).parent / ".prepared"
_JUDGE = """
import sys, yaml, kubernetes_validate
for part in yaml.safe_load_all(open(sys.argv[1])):
    for version in sys.argv[2:]:
        kubernetes_validate.validate(part, version, strict=True)
"""


def judged(*command: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(TOOLS)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)


def accepted(*command: str) -> None:
    found = judged(*command)
    assert found.returncode == 0, found.stdout + found.stderr


def by_schema(name: str, path: Path) -> list[str]:
    return [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{name}", str(path)]


def hadolint(path: Path) -> list[str]:
    return [str(TOOLS / "bin" / "hadolint"), "--failure-threshold", "style", str(path)]


def kubernetes(path: Path) -> list[str]:
    return [sys.executable, "-c", _JUDGE, str(path), "1.29", "1.33", "1.37"]


def test_hadolint_finds_nothing_in_the_container_file() -> None:
    accepted(*hadolint(CONTAINERFILE))


def test_kubernetes_knows_every_field_of_the_manifest() -> None:
    accepted(*kubernetes(CRONJOB))


def test_github_and_gitlab_know_every_key_of_their_files() -> None:
    accepted(*by_schema("github-workflows", WORKFLOW))
    accepted(*by_schema("gitlab-ci", PIPELINE))


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (CONTAINERFILE, "CMD", "CDM"),
        (CRONJOB, "concurrencyPolicy", "concurencyPolicy"),
        (CRONJOB, "backoffLimit: 0", "backoffLimit: never"),
        (WORKFLOW, "runs-on", "run-on"),
        (PIPELINE, "when: always", "when: alwys"),
    ],
)
def test_a_mistake_would_be_found(tmp_path: Path, path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    wrong = tmp_path / path.name
    wrong.write_text(text.replace(old, new, 1))
    judges = {
        CONTAINERFILE: hadolint(wrong),
        CRONJOB: kubernetes(wrong),
        WORKFLOW: by_schema("github-workflows", wrong),
        PIPELINE: by_schema("gitlab-ci", wrong),
    }
    assert judged(*judges[path]).returncode != 0


def systemd(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which("systemd-analyze"):
        pytest.skip("!!! THERE IS NO SYSTEMD-ANALYZE ON THIS MACHINE: deploy/systemd WAS NOT READ BY IT !!!")
    return judged("systemd-analyze", *arguments)


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units, with a program that is there in place of the auditor's, which systemd looks for."""
    for name in ("cbr-auditor.service", "cbr-auditor.timer"):
        text = (UNITS / name).read_text()
        (tmp_path / name).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    return [str(path) for path in sorted(tmp_path.iterdir())]


def test_systemd_understands_every_line_of_the_units(units: list[str]) -> None:
    read = systemd("verify", "--man=no", *units)
    assert (read.returncode, read.stdout, read.stderr) == (0, "", "")


def test_systemd_says_so_of_a_line_that_it_does_not_understand(units: list[str]) -> None:
    service = Path(units[0])
    service.write_text(service.read_text().replace("PrivateTmp=", "PrivateTemp="))
    assert "PrivateTemp" in systemd("verify", "--man=no", *units).stderr


def test_the_timer_fires_at_seven_in_berlin_in_winter_and_in_summer() -> None:
    (calendar,) = unit("cbr-auditor.timer")["OnCalendar"]
    for day, time in (("2027-01-15", "06:00:00 UTC"), ("2027-07-15", "05:00:00 UTC")):
        shown = systemd("calendar", f"--base-time={day} 00:00:00 UTC", calendar)
        assert shown.returncode == 0, shown.stderr
        assert f"{day} {time}" in shown.stdout


def test_systemd_calls_the_service_little_exposed(units: list[str]) -> None:
    rated = systemd("security", "--offline=yes", "--threshold=15", "--no-pager", units[0])
    assert rated.returncode == 0, rated.stdout[-300:]
