"""The files of deploy/ that run the auditor where there is no FunctionGraph, as the schedulers read them."""

import re
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
CONTAINERFILE = DEPLOY / "container" / "Containerfile"
CRONJOB = DEPLOY / "kubernetes" / "cronjob.yaml"
UNITS = DEPLOY / "systemd"
WORKFLOW = DEPLOY / "github" / "cbr-audit.yml"
PIPELINE = DEPLOY / "gitlab" / ".gitlab-ci.yml"


def config_map() -> dict[str, Any]:
    (found,) = (part for part in yaml.safe_load_all(CRONJOB.read_text()) if part["kind"] == "ConfigMap")
    return dict(found)


def cron_job() -> dict[str, Any]:
    (found,) = (part for part in yaml.safe_load_all(CRONJOB.read_text()) if part["kind"] == "CronJob")
    return dict(found["spec"])


def pod() -> dict[str, Any]:
    return dict(cron_job()["jobTemplate"]["spec"]["template"]["spec"])


def container() -> dict[str, Any]:
    (found,) = pod()["containers"]
    return dict(found)


def unit(name: str) -> dict[str, list[str]]:
    """The values of a unit file by their key; a key may stand several times."""
    values: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", (UNITS / name).read_text(), flags=re.MULTILINE):
        values.setdefault(key, []).append(value)
    return values


def workflow_steps() -> list[dict[str, Any]]:
    return list(yaml.safe_load(WORKFLOW.read_text())["jobs"]["audit"]["steps"])


def pipeline_job() -> dict[str, Any]:
    return dict(yaml.safe_load(PIPELINE.read_text())["cbr-audit"])


def copied() -> list[tuple[list[str], str]]:
    """What the container file copies from the repository, and where to."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE.read_text(), flags=re.MULTILINE)
    return [(line.split()[:-1], line.split()[-1]) for line in lines]
