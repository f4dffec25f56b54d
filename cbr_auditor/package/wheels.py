"""Libraries as wheels for the platform's Linux: fetched by pip against the lock's hashes, unpacked without scripts.

Wheels are unpacked here and not by `pip install --target`, which writes scripts with this machine's paths into bin/.
"""

import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

from cbr_auditor.errors import SettingsError
from cbr_auditor.text import one_line

PLATFORM = "manylinux2014_x86_64"  # glibc 2.17 or newer; FunctionGraph runs on EulerOS, x86_64

_LIBRARY_DATA = re.compile(r"^[^/]+\.data/(?:purelib|platlib)/")
_OTHER_DATA = re.compile(r"^[^/]+\.data/")
_LEFT_OUT = re.compile(
    r"\.pyi$|/py\.typed$|/__main__\.py$"
    r"|\.dist-info/(?:RECORD|INSTALLER|REQUESTED)$"
    r"|^pydantic/v1/|^pydantic/mypy\.py$"  # pydantic 1 inside pydantic 2, and a plugin of mypy
    r"|^urllib3/contrib/emscripten/"  # for browsers
    r"|^charset_normalizer/(?:cd|md)\.[^/]*\.so$"  # the same as cd.py and md.py, only faster at guessing an encoding
    r"|^tzdata/zoneinfo/tzdata\.zi$"  # the zones once more, as text
    r"|^certifi/tests/|^annotated_types/test_cases\.py$|^(?:charset_normalizer/cli/|(?:dotenv|idna)/cli\.py$)"
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel and what it says about itself."""

    path: Path
    sha256: str
    metadata: Message

    @property
    def name(self) -> str:
        """The library's name as PyPI compares it."""
        return re.sub(r"[-_.]+", "-", str(self.metadata["Name"])).lower()

    @property
    def version(self) -> str:
        """Its version."""
        return str(self.metadata["Version"])


def fetch_wheels(lock: Path, runtime: str, folder: Path) -> list[Wheel]:
    """All wheels that a lock names, in order of their names. Raises `SettingsError` with pip's last words."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--platform", PLATFORM]
    command += ["--implementation", "cp", "--python-version", runtime, "--dest", str(folder), "-r", str(lock)]
    done = subprocess.run(  # noqa: S603  # pip of the interpreter that runs this
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise SettingsError(
            f"pip could not fetch the libraries of {lock.name}: {_last_words(done.stderr)}",
            "Check that this Python has pip and that pip reaches its index (PIP_INDEX_URL, PIP_FIND_LINKS, a proxy).",
        )
    return sorted((_read(path) for path in folder.glob("*.whl")), key=lambda wheel: wheel.name)


def unpack(wheels: Iterable[Wheel], folder: Path) -> None:
    """Lay the libraries into a folder, with their metadata and licences, without scripts, stubs and tests.

    Raises `SettingsError` where two wheels bring the same file, for one would silently win.
    """
    for wheel in wheels:
        with zipfile.ZipFile(wheel.path) as archive:
            for name in archive.namelist():
                inside = _LIBRARY_DATA.sub("", name)
                if name.endswith("/") or _LEFT_OUT.search(inside) or _OTHER_DATA.match(inside):
                    continue
                target = folder / inside
                if ".." in target.parts or target.exists():
                    raise SettingsError(f"{wheel.path.name} may not bring {name!r}", "Pin another version in the lock.")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))


def _read(path: Path) -> Wheel:
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        metadata = BytesHeaderParser().parsebytes(archive.read(name))
    return Wheel(path, hashlib.sha256(path.read_bytes()).hexdigest(), metadata)


def _last_words(text: str) -> str:
    """The last error of pip; an address in it may hold a login, which is not shown."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("WARNING")]
    return one_line(re.sub(r"://[^/@\s]*@", "://***@", lines[-1] if lines else "it said nothing"), 300)
