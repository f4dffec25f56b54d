"""What terraform itself says, without any provider: the format, the variables' checks, and the values that follow."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.module import MODULES, PROVIDERS

pytestmark = pytest.mark.slow

_SHOWN = """
output "shown" {
  sensitive = true
  value = { actions = local.actions, event = jsondecode(local.event_data), settings = local.settings }
}
"""
GIVEN: dict[str, dict[str, Any]] = {
    "otc": {"project_name": "eu-de_production"},
    "huaweicloud": {"region": "eu-west-101", "project_name": "eu-west-101"},
}


@pytest.fixture(params=PROVIDERS)
def cloud(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def terraform(*arguments: str, folder: Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    if not shutil.which("terraform"):
        pytest.skip("!!! THERE IS NO TERRAFORM ON THIS MACHINE: deploy/terraform WAS NOT READ BY IT !!!")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    given = {
        f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value) for name, value in variables.items()
    }
    return subprocess.run(
        ["terraform", f"-chdir={folder}", *arguments],
        env={**environ, **given, "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def module(cloud: str, tmp_path: Path) -> Path:
    """The module without what needs its provider: variables and what follows from them."""
    for name in ("variables.tf", "locals.tf"):
        shutil.copy(MODULES / cloud / name, tmp_path)
    (tmp_path / "shown.tf").write_text(_SHOWN)
    (tmp_path / "auditor.zip").touch()
    assert terraform("init", "-no-color", folder=tmp_path).returncode == 0
    return tmp_path


def apply(module: Path, cloud: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    given = {"zip": "auditor.zip", **GIVEN[cloud], **variables}
    return terraform("apply", "-auto-approve", "-no-color", folder=module, **given)


def shown(module: Path, cloud: str, **variables: Any) -> dict[str, Any]:
    applied = apply(module, cloud, **variables)
    assert applied.returncode == 0, applied.stderr
    value: dict[str, Any] = json.loads(terraform("output", "-json", "shown", folder=module).stdout)
    return value


def test_the_files_are_formatted(cloud: str) -> None:
    checked = terraform("fmt", "-check", "-recursive", "-diff", folder=MODULES / cloud)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_smallest_role_reads_backups_and_nothing_else(module: Path, cloud: str) -> None:
    assert shown(module, cloud, publish_to_smn=False)["actions"] == ["cbr:backups:list", "cbr:backups:get"]


@pytest.mark.parametrize(
    ("switch", "action"),
    [
        ("list_vaults", "cbr:vaults:list"),
        ("list_policies", "cbr:policies:list"),
        ("list_tasks", "cbr:tasks:list"),
        ("publish_to_smn", "smn:topic:publish"),
        ("decrypt_with_kms", "kms:cmk:decryptData"),
        ("read_csms_secrets", "csms:secret:getVersion"),
    ],
)
def test_each_switch_adds_one_action(module: Path, cloud: str, switch: str, action: str) -> None:
    off, on = (shown(module, cloud, **{"publish_to_smn": False, switch: value})["actions"] for value in (False, True))
    assert set(on) - set(off) == {action}


def test_the_timer_and_the_settings_follow_from_the_variables(module: Path, cloud: str) -> None:
    values = shown(module, cloud, name="cbr-audit-2", settings={"AUDITOR_PROFILE": "strict"})
    assert values["event"] == {
        "name": "cbr_audit_2_timer",
        "schedule_type": "Cron",
        "schedule": "CRON_TZ=Europe/Berlin 0 0 7 * * *",
        "user_event": "",
    }
    region = GIVEN[cloud].get("region", "eu-de")
    assert values["settings"] == {"AUDITOR_REGION": region, "AUDITOR_PROFILE": "strict"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("project_name", "production"),
        ("name", "-"),
        ("zip", "missing.zip"),
        ("memory_size", 200),
        ("timeout", 3),
        ("schedule", "0 0 7 * * *"),
        ("schedule", "CRON_TZ=Europe/Berlin 0 7"),
        ("schedule", "@every 24h"),
        ("settings", {"AUDITOR_SMTP_PASSWORD": "secret"}),
        ("settings", {"RUNTIME_USERDATA": "{}"}),
        ("settings", {f"AUDITOR_{number}": "" for number in range(20)}),
        ("settings", {"AUDITOR_RULES": "{" + " " * 4000 + "}"}),
        ("archive_bucket", "bucket/path"),
        ("archive_bucket", "*"),
        ("topic_urn", "operations"),
        ("log_days", 0),
    ],
)
def test_a_wrong_value_is_refused_by_its_variable(module: Path, cloud: str, variable: str, value: Any) -> None:
    refused = apply(module, cloud, **{variable: value})
    assert refused.returncode == 1
    assert "Invalid value for variable" in refused.stderr
    assert f'variable "{variable}"' in refused.stderr


def test_a_refused_secret_is_not_shown(module: Path, cloud: str) -> None:
    refused = apply(module, cloud, secrets={"SMTP-PASSWORD": "canary-4711"})
    assert refused.returncode == 1
    assert "canary-4711" not in refused.stdout + refused.stderr


@pytest.mark.parametrize("schedule", ["CRON_TZ=Europe/Berlin 0 30 5 ? * Mon-Fri", "CRON_TZ=UTC 0 0 */6 * Jan,Jul"])
def test_schedules_that_the_timer_takes_are_taken(module: Path, cloud: str, schedule: str) -> None:
    assert shown(module, cloud, schedule=schedule)["event"]["schedule"] == schedule
