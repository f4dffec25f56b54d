"""A healthy tenant with all its servers on loopback, which a test then breaks in one place."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from cbr_auditor.clock import Deadline
from cbr_auditor.demo.endpoint import AccessKey, CbrEndpoint
from cbr_auditor.demo.faults import Fault, status
from cbr_auditor.doctor.check import Check
from cbr_auditor.doctor.examination import Examination, examine
from cbr_auditor.settings import load_settings
from tests.cloud.services import CloudServices
from tests.delivery.conftest import authority, ca_file, closed_port, relay, secure_receiver, server_context
from tests.fakes import NOW, PROJECT, FakeClock

__all__ = ["authority", "ca_file", "closed_port", "relay", "secure_receiver", "server_context"]

TOKEN = "MIIDkgYJ-healthy-token"
ROW = {"id": "b1c4afd9-e7a6-4888-9010-c2bac3aa7910", "status": "available", "name": "autobk_1"}

Doctor = Callable[..., Examination]


def clock_of_server(off: timedelta = timedelta()) -> Fault:
    """CBR's Date where nobody signs in, so many seconds behind the test's clock."""
    date = format_datetime(NOW - off, usegmt=True)
    return Fault(status(404, {"error_code": "APIGW.0101"}, {"Date": date}), lambda asked: asked.path == "/")


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([ROW], project_id=PROJECT, token=TOKEN) as one:
        one.access_keys["AK"] = AccessKey("SK-of-the-doctor")
        one.faults.append(clock_of_server())
        yield one


@pytest.fixture
def services() -> Iterator[CloudServices]:
    one = CloudServices({PROJECT: "eu-de_production"})
    yield one
    one.close()


@pytest.fixture
def doctor(endpoint: CbrEndpoint, services: CloudServices, clock: FakeClock, tmp_path: Path) -> Doctor:
    """Examines with the settings of a healthy tenant; keywords are settings by name, an empty one leaves one out."""

    def run(**changes: object) -> Examination:
        values = {
            "region": "eu-de",
            "project_id": PROJECT,
            "token": TOKEN,
            "cbr_endpoint": endpoint.url,
            "iam_endpoint": services.url,
            "kms_endpoint": services.url,
            "out": tmp_path / "out",
            **changes,
        }
        environ = {f"AUDITOR_{name.upper()}": str(value) for name, value in values.items() if value}
        return examine(lambda: (load_settings(environ, beside=tmp_path), ""), clock, Deadline(clock, 60), limited=False)

    return run


def find(found: Examination, name: str) -> Check:
    """The one check of that name."""
    (check,) = [check for check in found.checks if check.name == name]
    return check


def wrong(found: Examination) -> list[str]:
    return [check.name for check in found.checks if check.state in {"fail", "warn"}]
