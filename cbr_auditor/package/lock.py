"""The libraries of one runtime's zip, as its lock in locks/ pins them; `make lock` writes it with uv."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cbr_auditor.errors import SettingsError
from cbr_auditor.layout import resource_folder

RUNTIMES = ("3.10", "3.12")
"""The Pythons of FunctionGraph that the auditor runs on; both clouds have the first, which is the default."""


@dataclass(slots=True)
class Pin:
    """One library of the lock."""

    name: str
    version: str
    hashes: set[str] = field(default_factory=set)
    """SHA-256 of each file that may be taken, in hex."""
    parents: set[str] = field(default_factory=set)
    """The libraries that need this one; empty where only the auditor does."""


def lock_file(runtime: str) -> Path:
    """Where the lock of a runtime lies. Raises `SettingsError` where it is missing."""
    path = resource_folder("locks") / f"function-py{runtime}.lock"
    if not path.is_file():
        raise SettingsError(f"there is no lock {path}", "Install cbr-auditor again, or package from its repository.")
    return path


def read_lock(path: Path) -> list[Pin]:
    """Its libraries in order.

    Raises `SettingsError` for a line with a marker, which pip would evaluate for the Python that it runs on and not for
    the runtime's, and for a library without a hash.
    """
    pins = list(_pins(path))
    for pin in pins:
        if not pin.hashes:
            raise SettingsError(f"{path}: {pin.name} has no hash", "Write the lock again by make lock.")
    return pins


def _pins(path: Path) -> Iterator[Pin]:
    pin = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})(?: \\)?", line):
            assert pin
            pin.hashes.add(found[1])
        elif found := re.fullmatch(r"    # (?:via)? *([a-z0-9-]*)(?: \(.*\))?", line):
            assert pin
            pin.parents |= {found[1]} - {""}
        elif found := re.fullmatch(r"([a-z0-9-]+)==([\w.]+) \\", line):
            if pin:
                yield pin
            pin = Pin(found[1], found[2])
        elif not re.fullmatch(r" *#.*", line):
            raise SettingsError(f"{path}: {line!r} is no pinned library", "Write the lock again by make lock.")
    if pin:
        yield pin
