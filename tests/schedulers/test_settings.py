"""Each way to run hands over settings that the auditor takes, the same ones everywhere."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cbr_auditor.cli import _parser
from cbr_auditor.formats import FORMATS
from cbr_auditor.settings import SECRETS, Settings, load_settings
from tests.schedulers.files import (
    DEPLOY,
    PIPELINE,
    UNITS,
    WORKFLOW,
    config_map,
    container,
    cron_job,
    pipeline_job,
    pod,
    unit,
    workflow_steps,
)

SECRET = "canary-secret"
FILES = sorted(
    path
    for name in ("container", "kubernetes", "systemd", "github", "gitlab")
    for path in (DEPLOY / name).iterdir()
    if path.is_file()
)


def kubernetes(folder: Path) -> dict[str, str]:
    """The container's variables, its volumes laid out in the folder."""
    (folder / "auditor.toml").write_text(config_map()["data"]["auditor.toml"])
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    (secret,) = (volume["secret"] for volume in pod()["volumes"] if "secret" in volume)
    for item in secret["items"]:
        (folder / item["path"]).write_text(SECRET)
    return {
        entry["name"]: entry.get("value", SECRET).replace(f"{mounts['secrets']}/", f"{folder}/")
        for entry in container()["env"]
    }


def systemd(folder: Path) -> dict[str, str]:
    """The service's variables, its credentials laid out in the folder."""
    service = unit("cbr-auditor.service")
    for credential in service["LoadCredential"]:
        (folder / credential.partition(":")[0]).write_text(SECRET)
    lines = [*(UNITS / "auditor.env").read_text().splitlines(), *service["Environment"]]
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value.replace("%d", str(folder)).replace("%S", str(folder)) for name, value in given.items()}


def github(folder: Path) -> dict[str, str]:
    (step,) = (step for step in workflow_steps() if step.get("name") == "Audit")
    return {
        name: re.sub(r"\$\{\{.*\}\}", "0605767b5780d5762fc5c0118072a564", value) for name, value in step["env"].items()
    }


def gitlab(folder: Path) -> dict[str, str]:
    named = re.findall(r"^# Set (AUDITOR_\w+) and (AUDITOR_\w+) as masked", PIPELINE.read_text(), flags=re.MULTILINE)
    return {**pipeline_job()["variables"], **dict.fromkeys(named[0], SECRET)}


@pytest.mark.parametrize("environment", [kubernetes, systemd, github, gitlab])
def test_its_settings_are_taken_and_say_which_project_and_how_to_sign_in(
    environment: Callable[[Path], dict[str, str]], tmp_path: Path
) -> None:
    settings = load_settings(environment(tmp_path), beside=tmp_path)
    assert settings.region == "eu-nl"
    assert settings.project_id
    assert settings.access_key
    assert settings.secret_key


@pytest.mark.parametrize("environment", [kubernetes, systemd])
def test_its_secrets_come_from_files(environment: Callable[[Path], dict[str, str]], tmp_path: Path) -> None:
    settings = load_settings(environment(tmp_path), beside=tmp_path)
    for secret in (settings.secret_key, settings.smtp_password):
        assert secret
        assert secret.get_secret_value() == SECRET
    assert settings.mail_to == ("operations@example.com",)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_a_setting_that_there_is_none_or_holds_a_secret(path: Path) -> None:
    text = path.read_text()
    known = {f"AUDITOR_{name.upper()}" for name in Settings.model_fields}
    named = {name for name in re.findall(r"AUDITOR_[A-Z_]+", text) if name != "AUDITOR_"}
    assert named <= known
    for name in SECRETS - {"access_key"}:
        for value in re.findall(rf"AUDITOR_{name.upper()}[=:]\s*(\S+)", text):
            assert value.startswith(("file:", "${{")), f"{path.name}: {name}"


@pytest.mark.parametrize(
    "command",
    [
        " ".join(container()["args"]),
        unit("cbr-auditor.service")["ExecStart"][0].partition(" ")[2],
        *(re.search(r"cbr_auditor (.*)", text)[1] for text in (WORKFLOW.read_text(), PIPELINE.read_text())),  # type: ignore[index]
    ],
)
def test_its_command_is_one_that_there_is_and_ends_before_the_scheduler_ends_it(command: str) -> None:
    arguments = _parser().parse_args(command.split())
    assert arguments.timeout == 840
    limits = {
        "kubernetes": cron_job()["jobTemplate"]["spec"]["activeDeadlineSeconds"],
        "systemd": int(unit("cbr-auditor.service")["TimeoutStartSec"][0]),
        "github": 60 * yaml.safe_load(WORKFLOW.read_text())["jobs"]["audit"]["timeout-minutes"],
        "gitlab": 60 * int(pipeline_job()["timeout"].split()[0]),
    }
    assert min(limits.values()) >= arguments.timeout + 60


def test_what_is_kept_of_a_run_in_a_pipeline_is_what_it_writes() -> None:
    assert pipeline_job()["artifacts"]["reports"]["junit"] == f"report/{FORMATS['junit']}"
    (upload,) = (step["with"] for step in workflow_steps() if "upload-sarif" in step.get("uses", ""))
    assert upload["sarif_file"] == f"report/{FORMATS['sarif']}"


def test_the_report_is_kept_when_findings_end_the_run_with_1() -> None:
    assert pipeline_job()["artifacts"]["when"] == "always"
    for step in workflow_steps()[-2:]:
        assert "!cancelled()" in step["if"]
    assert unit("cbr-auditor.service")["SuccessExitStatus"] == ["1"]


def test_all_run_each_morning_in_berlins_time_and_never_twice() -> None:
    job = cron_job()
    assert (job["schedule"], job["timeZone"], job["concurrencyPolicy"]) == ("0 7 * * *", "Europe/Berlin", "Forbid")
    assert job["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert unit("cbr-auditor.timer")["OnCalendar"] == ["*-*-* 07:00:00 Europe/Berlin"]
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow[True]["schedule"] == [{"cron": "7 7 * * *", "timezone": "Europe/Berlin"}]  # YAML 1.1 reads `on` so
    assert workflow["concurrency"]["cancel-in-progress"] is False
    assert pipeline_job()["resource_group"]
    assert '"0 7 * * *", Europe/Berlin' in PIPELINE.read_text()


def test_the_pod_is_small_and_may_do_nothing_but_run() -> None:
    resources, security = container()["resources"], container()["securityContext"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"] == "128Mi"
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["enableServiceLinks"] is False
