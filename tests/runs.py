"""A whole run against an embedded endpoint, and the report that it leaves behind."""

import json
import logging
from pathlib import Path
from typing import Any

from cbr_auditor.audit import audit
from cbr_auditor.clock import Deadline
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.finding import Finding
from cbr_auditor.report import Trigger
from cbr_auditor.run import catalogue_of, run, targets_of, waivers_of
from cbr_auditor.settings import load_settings
from cbr_auditor.spool import FindingSpool
from tests.fakes import NOW, PROJECT, FakeClock

TOKEN = "canary-token-3f2a9c"


def audited(folder: Path, endpoint: CbrEndpoint, toml: str = "", **variables: str) -> dict[str, Any]:
    """Audit what the endpoint serves, as of `NOW`; gives report.json, which lies in `folder`/out with the others."""
    (folder / "auditor.toml").write_text(toml)
    environ = {**_environ(endpoint), "AUDITOR_OUT": str(folder / "out"), **variables}
    clock = FakeClock()
    run(
        load_settings(environ, beside=folder),
        trigger=Trigger("CLI"),
        clock=clock,
        deadline=Deadline(clock, 840),
        log=logging.getLogger("test"),
    )
    content: dict[str, Any] = json.loads((folder / "out" / "report.json").read_text())
    return content


def judged(folder: Path, endpoint: CbrEndpoint, toml: str = "", **variables: str) -> list[Finding]:
    """What the rules find in what the endpoint serves, in order, without a report: for many small audits."""
    (folder / "auditor.toml").write_text(toml)
    settings = load_settings({**_environ(endpoint), **variables}, beside=folder)
    catalogue = catalogue_of(settings)
    findings = FindingSpool(folder)
    audit(
        targets_of(settings, Deadline(FakeClock(), 840)),
        list(catalogue.rules),
        now=NOW,
        findings=findings,
        folder=folder,
        server_disks=settings.server_disks,
        in_flight=2,
        log=logging.getLogger("test"),
        overrides=catalogue.overrides,
        waivers=waivers_of(settings, catalogue, NOW),
    )
    return list(findings)


def _environ(endpoint: CbrEndpoint) -> dict[str, str]:
    return {
        "AUDITOR_REGION": "eu-de",
        "AUDITOR_CBR_ENDPOINT": endpoint.url,
        "AUDITOR_PROJECT_ID": PROJECT,
        "AUDITOR_TOKEN": TOKEN,
    }


def serving(*rows: Any, **options: Any) -> CbrEndpoint:
    """An endpoint that has these backups; a context manager."""
    return CbrEndpoint(rows, project_id=PROJECT, token=TOKEN, **options)
