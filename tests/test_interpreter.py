import os
import sys
from pathlib import Path

import pytest

from cbr_auditor.errors import SettingsError
from cbr_auditor.interpreter import find_interpreter, named_interpreter, python_environment, this_interpreter


def fake(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without any Python."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.delenv("UV_PYTHON_INSTALL_DIR", raising=False)
    return tmp_path


def test_the_one_that_runs_is_taken_for_its_own_version() -> None:
    assert find_interpreter(f"{sys.version_info[0]}.{sys.version_info[1]}") == this_interpreter()
    assert str(this_interpreter()) == f"CPython {'.'.join(map(str, sys.version_info[:3]))}"


def test_where_there_is_none_of_a_version_none_is_found(bare: Path) -> None:
    assert find_interpreter("3.99") is None
    with pytest.raises(SettingsError, match=r"there is no Python 3\.99 on this machine"):
        named_interpreter("3.99")


@pytest.mark.parametrize(
    "place",
    [
        "bin/python3.99",
        ".pyenv/versions/3.99.2/bin/python3.99",
        ".local/share/uv/python/cpython-3.99.2-x/bin/python3.99",
    ],
)
def test_one_is_found_on_the_path_of_pyenv_and_of_uv(bare: Path, place: str) -> None:
    path = fake(bare / place, "echo cpython 3 99 2")
    found = find_interpreter("3.99")
    assert found
    assert (found.path, found.version, found.minor) == (str(path), (3, 99, 2), "3.99")
    assert named_interpreter("3.99") == found


@pytest.mark.parametrize("says", ["exit 127", "echo cpython 3 98 1", "echo pypy 3 99 0", "echo pyenv: not found"])
def test_one_that_is_not_what_its_name_says_is_passed_over(bare: Path, says: str) -> None:
    fake(bare / "bin" / "python3.99", says)
    assert find_interpreter("3.99") is None
    good = fake(bare / ".pyenv" / "versions" / "3.99.0" / "bin" / "python3.99", "echo cpython 3 99 0")
    found = find_interpreter("3.99")
    assert found
    assert found.path == str(good)


def test_a_path_is_asked_what_it_is(tmp_path: Path) -> None:
    assert named_interpreter(sys.executable).version == sys.version_info[:3]
    for path in (tmp_path / "none", fake(tmp_path / "odd", "echo hello")):
        with pytest.raises(SettingsError, match=f"--python {path} is no CPython that starts"):
            named_interpreter(str(path))


def test_what_steers_one_python_does_not_reach_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    environment = python_environment(LANG="C")
    assert "PYTHONPATH" not in environment
    assert (environment["LANG"], environment["PATH"]) == ("C", os.environ["PATH"])
