import io

import pytest

from cbr_auditor.doctor.check import Check
from cbr_auditor.doctor.examination import Examination
from cbr_auditor.doctor.machine import Library
from cbr_auditor.doctor.table import print_examination

LONG = "127.0.0.1 answered 401 (APIGW.0301 Incorrect IAM authentication information: Unauthorized) [request e2389e91]"
LIBRARY = Library("requests", "2.34.2", "/opt/function/code/requests/__init__.py")


def shown(*checks: Check, verbose: bool = False, columns: str = "80") -> list[str]:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", columns)
        print_examination(Examination(list(checks), [LIBRARY]), stream, verbose=verbose)
    return stream.getvalue().splitlines()


def test_a_failure_shows_its_mend_below_and_nothing_is_wider_than_the_terminal() -> None:
    lines = shown(
        Check("this machine", "Python", "ok", "3.12.1, glibc 2.36"),
        Check("project production, eu-de", "signing in", "fail", LONG, "Give the function an agency. " * 5),
    )
    assert lines[0] == "This machine"
    assert lines[1] == "  ok    Python             3.12.1, glibc 2.36"
    assert lines[3] == "Project production, eu-de"
    assert lines[4].startswith("  FAIL  signing in         127.0.0.1 answered 401")
    mend = [line.strip() for line in lines if line.strip().startswith("> ")]
    assert mend == ["> Give the function an agency. Give the function an"]
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "1 of 2 checks failed."


@pytest.mark.parametrize(
    ("states", "last"),
    [
        (["ok", "ok"], "All 2 checks passed."),
        (["ok", "skip"], "All that was tried works; 1 check was not tried."),
        (["ok", "warn"], "Everything that is needed works. 1 warning."),
        (["fail", "warn", "warn"], "1 of 3 checks failed. 2 warnings."),
    ],
)
def test_one_sentence_says_how_it_stands(states: list[str], last: str) -> None:
    checks = [Check("a", str(number), state, "x") for number, state in enumerate(states)]  # type: ignore[arg-type]
    assert shown(*checks)[-1] == last


def test_the_libraries_are_listed_where_that_is_asked_for() -> None:
    check = Check("this machine", "Python", "ok", "3.12.1")
    assert not any("requests" in line for line in shown(check))
    assert any(LIBRARY.file in line for line in shown(check, verbose=True))


def test_hostile_text_cannot_steer_the_terminal() -> None:
    (line,) = [line for line in shown(Check("a", "b", "fail", "x\x1b[2J\u202ey\r\nz")) if "FAIL" in line]
    assert line == "  FAIL  b                  x [2J y z"


def test_a_narrow_terminal_still_shows_something() -> None:
    assert max(map(len, shown(Check("a", "b", "fail", LONG, "Mend it."), columns="30"))) <= 57
