import pytest

from cbr_auditor.clock import Deadline
from cbr_auditor.doctor.machine import Library, check_libraries, check_memory, check_time, libraries
from tests.fakes import FakeClock

CODE = "/opt/function/code"


def library(name: str, folder: str = CODE) -> Library:
    return Library(name, "1.0", f"{folder}/{name}/__init__.py")


def test_libraries_from_one_folder_are_well() -> None:
    single = Library("typing-extensions", "4.16.0", f"{CODE}/typing_extensions.py")
    (check,) = check_libraries([library("requests"), library("urllib3"), single])
    assert (check.state, check.detail) == ("ok", f"3 from {CODE}")


def test_a_runtimes_own_copy_is_named_with_its_file() -> None:
    (check,) = check_libraries([library("requests"), library("jinja2"), library("urllib3", "/usr/lib/python3.12")])
    assert check.state == "warn"
    assert "urllib3 1.0 from /usr/lib/python3.12/urllib3/__init__.py" in check.detail
    assert "handler.py" in check.mend


def test_a_library_that_cannot_be_imported_fails() -> None:
    missing = Library("msgspec", "cannot be imported: ImportError", "")
    (check,) = check_libraries([library("requests"), missing])
    assert check.state == "fail"
    assert "msgspec (cannot be imported: ImportError)" in check.detail


def test_all_that_are_loaded_here_come_from_one_folder() -> None:
    assert [check.state for check in check_libraries(libraries())] == ["ok"]


@pytest.mark.parametrize(("seconds", "state"), [(3.0, "warn"), (60.0, "ok")])
def test_too_little_time_is_told(clock: FakeClock, seconds: float, state: str) -> None:
    (check,) = check_time(Deadline(clock, seconds))
    assert check.state == state


def test_no_time_is_told_where_none_is_set() -> None:
    assert list(check_time(None)) == []


@pytest.mark.parametrize(("given", "state"), [("16", "warn"), ("100000", "ok"), ("", "ok"), ("much", "ok")])
def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch, given: str, state: str) -> None:
    monkeypatch.setenv("RUNTIME_MEMORY", given)
    (check,) = check_memory()
    assert check.state == state
    assert " MB" in check.detail
