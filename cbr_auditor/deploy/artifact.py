"""The zip that is deployed."""

import hashlib
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from cbr_auditor.errors import SettingsError

LARGEST_ZIP = 50 * 2**20  # bytes; error FSS.1071


@dataclass(frozen=True, slots=True)
class Code:
    """The bytes of a zip, and how FunctionGraph names them."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-512 in hexadecimal, as the API's `digest`."""
        return hashlib.sha512(self.content).hexdigest()


def read_zip(path: Path, runtime: str, handler: str) -> Code:
    """The zip. Raises `SettingsError` where it is none that this runtime can run by this handler."""
    minor = runtime.removeprefix("Python")
    build = f"Build it: cbr-auditor package --runtime {minor}"
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is no zip"
        raise SettingsError(f"package.artifact {path} cannot be read: {why}", build) from None
    if len(content) > LARGEST_ZIP:
        raise SettingsError(f"{path} has {len(content) / 2**20:.1f} MB, more than FunctionGraph takes (50 MB)", build)
    module = f"{handler.partition('.')[0]}.py"
    if module not in names:
        raise SettingsError(f"{path} has no {module}, which the handler {handler} needs", build)
    tags = {tag for name in names if name.endswith(".so") for tag in re.findall(r"\.cpython-(3)(\d+)-", name)}
    if tags and minor not in {".".join(tag) for tag in tags}:
        built = ", ".join(sorted(".".join(tag) for tag in tags))
        raise SettingsError(f"{path} is built for Python {built}, and the function runs {runtime}", build)
    return Code(path.name, content)
