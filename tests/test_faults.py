"""The table of docs/faults.md, row by row, as whole runs against the embedded endpoint."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor import run as run_module
from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.clock import Deadline
from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Asked, Fault
from cbr_auditor.report import Trigger
from cbr_auditor.run import Run, run
from cbr_auditor.settings import load_settings
from tests.fakes import PROJECT, FakeClock
from tests.test_contract import TOKEN, row

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
ROWS = 60
NO_AUDIT = ("incomplete", False, 3)
LOST = ("incomplete", True, 3)
FINE = ("pass", True, 0)


@dataclass
class Case:
    """One fault, what it is documented as, and what must come of it."""

    name: str
    documented: str
    fault: Fault | None
    expected: tuple[str, bool, int]
    """Verdict, whether an audit was made, exit status."""
    says: str = ""
    tried_again: bool = False
    rows: Callable[[], list[Any]] = lambda: [row(number) for number in range(ROWS)]
    variables: dict[str, str] | None = None


SERVER = {"resource_type": "OS::Nova::Server", "encrypted": None}


def server_row() -> list[Any]:
    return [row(1, **SERVER)]


def details(asked: Asked) -> bool:
    return "/backups/" in asked.path


def third_page_on(asked: Asked) -> bool:
    return asked.offset > 20


HTML = faults.status(200, b"<html>log in</html>", {"Content-Type": "text/html"})
RESET_ONCE = "reset or end in the middle of a body, once"
NOT_JSON_ONCE = "truncated JSON, or HTML with status 200, once"
NOT_JSON = "truncated JSON, or HTML with status 200, for ever"
THROTTLED_ONCE = "429 once, with or without `Retry-After` (seconds or date)"
TOO_LARGE = "a body of more than 64 MiB, or gzip that inflates to more"

CASES = [
    Case(
        "refused", "connection refused", None, NO_AUDIT, "could not be reached", variables={"URL": "http://127.0.0.1:9"}
    ),
    Case(
        "dns",
        "the name does not resolve",
        None,
        NO_AUDIT,
        "could not be resolved",
        variables={"URL": "https://cbr.nowhere.invalid"},
    ),
    Case("reset once", RESET_ONCE, Fault(faults.reset(), times=1), FINE, tried_again=True),
    Case("chunked reset once", RESET_ONCE, Fault(faults.reset(chunked=True), times=1), FINE, tried_again=True),
    Case("hang-up once", RESET_ONCE, Fault(faults.hang_up(), times=1), FINE, tried_again=True),
    Case(
        "reset",
        "reset in the middle of a body, for ever",
        Fault(faults.reset()),
        NO_AUDIT,
        "could not be reached",
        tried_again=True,
    ),
    Case("truncated once", NOT_JSON_ONCE, Fault(faults.truncate(), times=1), FINE, tried_again=True),
    Case("html once", NOT_JSON_ONCE, Fault(HTML, times=1), FINE, tried_again=True),
    Case("truncated", NOT_JSON, Fault(faults.truncate()), NO_AUDIT, "the answer is no JSON", tried_again=True),
    Case("html", NOT_JSON, Fault(HTML), NO_AUDIT, "the answer is no JSON", tried_again=True),
    Case(
        "401 midway",
        "401 in the middle of the list",
        Fault(faults.status(401), match=third_page_on),
        LOST,
        "The token is wrong or has ended",
    ),
    Case("403", "403", Fault(faults.status(403)), NO_AUDIT, "cbr:backups:list"),
    Case(
        "404",
        "404 of the gateway",
        Fault(faults.status(404, {"error_code": "APIGW.0101", "error_msg": "no API"})),
        NO_AUDIT,
        "belong together",
    ),
    Case("429 once", THROTTLED_ONCE, Fault(faults.throttled(), times=1), FINE, tried_again=True),
    Case("429 seconds", THROTTLED_ONCE, Fault(faults.throttled("5"), times=1), FINE, tried_again=True),
    Case(
        "429 date",
        THROTTLED_ONCE,
        Fault(faults.throttled("Mon, 23 Nov 2026 06:00:09 GMT"), times=1),
        FINE,
        tried_again=True,
    ),
    Case("429", "429 for ever", Fault(faults.throttled()), NO_AUDIT, "throttles this account", tried_again=True),
    *[
        Case(f"{status} once", "500, 502, 503, 504 once", Fault(faults.status(status), times=1), FINE, tried_again=True)
        for status in (500, 502, 503, 504)
    ],
    *[
        Case(
            str(status),
            "500, 502, 503, 504 for ever",
            Fault(faults.status(status, {"error_code": "E.1", "error_msg": "oh"}, {"X-Request-Id": "r-77"})),
            NO_AUDIT,
            f"answered {status} (E.1 oh) [request r-77]",
            tried_again=True,
        )
        for status in (500, 502, 503, 504)
    ],
    Case(
        "500 midway",
        "500 for ever from the third page on",
        Fault(faults.status(500), match=third_page_on),
        LOST,
        "backups were not seen",
        tried_again=True,
    ),
    Case(
        "slow once",
        "an answer slower than the time-out, once",
        Fault(faults.slow(1.5), times=1),
        FINE,
        tried_again=True,
    ),
    Case("huge", TOO_LARGE, Fault(faults.huge(66 * 2**20)), NO_AUDIT, "more than 64 MiB"),
    Case("gzip bomb", TOO_LARGE, Fault(faults.gzip_bomb(66 * 2**20)), NO_AUDIT, "more than 64 MiB"),
    Case(
        "redirect", "a redirect", Fault(faults.redirect("https://evil.example/x")), NO_AUDIT, "redirect to evil.example"
    ),
    Case(
        "detail 404",
        "a detail that answers 404 (just deleted)",
        Fault(faults.status(404, {"error_code": "BackupService.6200"}), match=details),
        ("warn", True, 0),
        rows=server_row,
    ),
    Case(
        "detail 403",
        "a detail that answers 403",
        Fault(faults.status(403), match=details),
        ("warn", True, 0),
        "cbr:backups:get",
        rows=lambda: [row(1, **SERVER), row(2, **SERVER)],
    ),
    Case(
        "tasks 403",
        "failed tasks cannot be listed (403)",
        Fault(faults.status(403), match=lambda asked: asked.path.endswith("/operation-logs")),
        ("fail", True, 1),
        "cbr:tasks:list",
        rows=lambda: [row(1, status="error"), row(2, status="error")],
    ),
    Case(
        "unreadable",
        "one row that cannot be read",
        None,
        LOST,
        "Row 2 of the list could not be read",
        rows=lambda: [row(1), {"id": None, "created_at": "2026-11-22T06:00:01.500000"}, row(2)],
    ),
    Case("count", "`count` larger than the list", Fault(faults.count(63)), LOST, "3 were not seen"),
    Case("same page", "the same page again and again", Fault(faults.repeat_page()), LOST, "nothing new"),
]


@pytest.fixture
def go(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Callable[[Case], tuple[Run, int]]:
    def short(*arguments: Any, **options: Any) -> CbrClient:
        return CbrClient(*arguments, **options, timeout=1.0)

    monkeypatch.setattr(run_module, "CbrClient", short)

    def start(case: Case) -> tuple[Run, int]:
        with CbrEndpoint(case.rows(), project_id=PROJECT, token=TOKEN, largest_page=20) as endpoint:
            if case.fault is not None:
                endpoint.faults.append(case.fault)
            settings = load_settings(
                {
                    "AUDITOR_REGION": "eu-de",
                    "AUDITOR_CBR_ENDPOINT": (case.variables or {}).get("URL", endpoint.url),
                    "AUDITOR_PROJECT_ID": PROJECT,
                    "AUDITOR_TOKEN": TOKEN,
                    "AUDITOR_OUT": str(tmp_path / "out"),
                }
            )
            result = run(
                settings,
                trigger=Trigger("CLI"),
                clock=clock,
                deadline=Deadline(clock, 840),
                log=logging.getLogger("test"),
            )
            asked = [request.path + str(request.offset) for request in endpoint.requests]
            return result, max((asked.count(each) for each in asked), default=0)

    return start


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_fault_comes_out_as_documented(
    case: Case, go: Callable[[Case], tuple[Run, int]], clock: FakeClock
) -> None:
    result, most_asked = go(case)
    report = result.report
    assert (report.verdict, report.audited, result.exit_status) == case.expected
    told = [sentence for target in report.coverage for sentence in (*target.problems, *target.notes)]
    if case.says:
        assert sum(case.says in sentence for sentence in told) == 1
    if case.tried_again:
        assert clock.slept
        assert most_asked >= 2
    elif case.variables is None:
        assert clock.slept == []
    if case.expected == LOST and "midway" in case.name:
        assert report.summary.backups >= 20
        assert any(f"of {ROWS} backups were not seen" in sentence for sentence in told)
    if case.expected == NO_AUDIT:
        assert "No audit was made" in " ".join(path.read_text() for path in result.files if path.suffix == ".html")


def documented() -> dict[str, list[str]]:
    lines = PAGE.read_text().partition("| fault |")[2].splitlines()[2:]
    rows = (re.split(r" \| ", line.strip("| ")) for line in lines if line.startswith("|"))
    return {cells[0]: cells[1:] for cells in rows}


def test_every_case_is_documented_with_its_outcome() -> None:
    rows = documented()
    for case in CASES:
        tried_again, _, verdict, status = rows[case.documented]
        if verdict == "as judged":
            continue
        assert verdict.split(",")[0] == case.expected[0], case.name
        assert ("no audit was made" in verdict) == (case.expected == NO_AUDIT), case.name
        assert status == str(case.expected[2]), case.name
        if case.variables is None:
            assert tried_again.startswith("yes") == case.tried_again, case.name


def test_every_documented_fault_is_a_case() -> None:
    elsewhere = {"the certificate is not trusted", "the deadline"}  # tests of the client, the contract and invoke
    assert set(documented()) - elsewhere == {case.documented for case in CASES}
