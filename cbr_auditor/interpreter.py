"""Other Pythons on this machine, found by their version."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cbr_auditor.errors import SettingsError

_SAY = "import sys; print(sys.implementation.name, *sys.version_info[:3])"
_LONGEST = 30  # seconds that an interpreter may take to say what it is


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A CPython that starts."""

    path: str
    version: tuple[int, int, int]

    @property
    def minor(self) -> str:
        """Its version as a runtime is named: 3.10."""
        return f"{self.version[0]}.{self.version[1]}"

    def __str__(self) -> str:
        return "CPython " + ".".join(map(str, self.version))


def this_interpreter() -> Interpreter:
    """The one that runs this."""
    return Interpreter(sys.executable, sys.version_info[:3])


def find_interpreter(minor: str) -> Interpreter | None:
    """One of a minor version as 3.10: this one, on the PATH, of pyenv or of uv; None where there is none."""
    if this_interpreter().minor == minor:
        return this_interpreter()
    found = (_ask(path) for path in _candidates(minor))
    return next((one for one in found if one and one.minor == minor), None)


def named_interpreter(name: str) -> Interpreter:
    """The one that a person named by a minor version or by its path. Raises `SettingsError`."""
    if re.fullmatch(r"3\.\d+", name):
        if found := find_interpreter(name):
            return found
        raise SettingsError(f"there is no Python {name} on this machine", "Install it, or name its path.")
    if found := _ask(name):
        return found
    raise SettingsError(f"--python {name} is no CPython that starts", "Name its path, or a version as 3.10.")


def python_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would steer another Python, and with `more`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | more


def _candidates(minor: str) -> Iterator[str]:
    if on_path := shutil.which(f"python{minor}"):
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path("~/.pyenv").expanduser())
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path("~/.local/share/uv/python").expanduser())
    for folder, pattern in ((pyenv / "versions", f"{minor}.*"), (uv, f"cpython-{minor}.*")):
        yield from sorted((str(path) for path in folder.glob(f"{pattern}/bin/python{minor}")), reverse=True)


def _ask(path: str) -> Interpreter | None:
    try:
        done = subprocess.run(  # noqa: S603  # an interpreter that the user named or installed
            [path, "-S", "-c", _SAY],
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST,
            env=python_environment(),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.fullmatch(r"cpython (\d+) (\d+) (\d+)\n", done.stdout)
    return Interpreter(path, (int(said[1]), int(said[2]), int(said[3]))) if said else None
