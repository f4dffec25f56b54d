"""Checks of where the auditor runs: Python, the libraries that are really loaded, time and memory."""

import importlib
import importlib.metadata
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

import cbr_auditor
from cbr_auditor.clock import Deadline
from cbr_auditor.doctor.check import Check

AREA = "this machine"
_LIBRARIES = {
    "certifi": "certifi",
    "charset_normalizer": "charset-normalizer",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "idna": "idna",
    "jinja2": "Jinja2",
    "markupsafe": "MarkupSafe",
    "msgspec": "msgspec",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic-core",
    "pydantic_settings": "pydantic-settings",
    "requests": "requests",
    "typing_extensions": "typing-extensions",
    "urllib3": "urllib3",
}
"""What a run loads, each with the name under which it is installed."""
_SHORT_TIME = 30.0  # seconds; a project with some thousand backups takes less
_LITTLE_MEMORY = 32  # MB that are left


class Library(msgspec.Struct, frozen=True):
    """One loaded library."""

    name: str
    version: str
    file: str


def libraries() -> list[Library]:
    """What is loaded, or would be: its version and where its file lies."""
    found = []
    for module, name in _LIBRARIES.items():
        try:
            loaded = importlib.import_module(module)
        except ImportError as problem:
            found.append(Library(name, f"cannot be imported: {type(problem).__name__}", ""))
            continue
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = str(getattr(loaded, "__version__", "unknown"))
        found.append(Library(name, version, str(getattr(loaded, "__file__", None) or "")))
    return found


def check_python() -> Iterator[Check]:
    """The interpreter, the C library and the machine; the zip's compiled modules are built for one Python only."""
    libc = " ".join(platform.libc_ver()).strip() or "unknown C library"
    detail = f"{platform.python_version()}, {libc}, {platform.machine()}"
    yield Check(AREA, "Python", "ok", f"{detail}; cbr-auditor {cbr_auditor.__version__}")


def check_libraries(loaded: list[Library]) -> Iterator[Check]:
    """Whether all come from one folder: a runtime's own copy of one of them may break another."""
    missing = [library for library in loaded if not library.file]
    if missing:
        names = ", ".join(f"{library.name} ({library.version})" for library in missing)
        yield Check(AREA, "libraries", "fail", names, "Build the zip by `cbr-auditor package` for this Python.")
    folders: dict[Path, list[Library]] = {}
    for library in loaded:
        if library.file:
            folders.setdefault(_folder(Path(library.file)), []).append(library)
    main = max(folders, key=lambda folder: len(folders[folder]))
    strays = [library for folder, there in folders.items() if folder != main for library in there]
    if strays:
        names = ", ".join(f"{library.name} {library.version} from {library.file}" for library in strays)
        yield Check(
            AREA,
            "libraries",
            "warn",
            f"not from {main}: {names}",
            "Put the zip's own folder first; handler.py does so unless the libraries are missing in it.",
        )
    elif not missing:
        yield Check(AREA, "libraries", "ok", f"{len(loaded)} from {main}")


def _folder(file: Path) -> Path:
    """The folder from which a module or package is imported."""
    return file.parent.parent if file.name.startswith("__init__.") else file.parent


def check_time(deadline: Deadline | None) -> Iterator[Check]:
    """Seconds that this invocation has; nothing on a command line, where none is set."""
    if deadline is None:
        return
    left = deadline.left()
    said = f"{left:.0f} s of {deadline.seconds:.0f} s are left"
    if deadline.seconds < _SHORT_TIME:
        yield Check(AREA, "time", "warn", said, "Give the function 60 s or more; the platform's default is 3 s.")
    else:
        yield Check(AREA, "time", "ok", said)


def check_memory() -> Iterator[Check]:
    """The most that this process has used, against the function's memory where the platform tells it."""
    used = _most_memory()
    if used is None:
        return
    given = os.environ.get("RUNTIME_MEMORY", "")
    said = f"{used:.0f} MB were used at most"
    if given.isdecimal() and int(given) > 0:
        said = f"{used:.0f} MB of {given} MB were used at most"
        if int(given) - used < _LITTLE_MEMORY:
            yield Check(AREA, "memory", "warn", said, "Give the function more memory; it also gets more processor.")
            return
    yield Check(AREA, "memory", "ok", said)


def _most_memory() -> float | None:
    """MB; None where the system does not tell. `getrusage` would count what the parent process used, too (Linux)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
    most = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(most[1]) / 1024 if most else None
