"""A zip whose bytes depend on nothing but its files: names in order, one time, one mode."""

import zipfile
from pathlib import Path

_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say; zipfile does not know SOURCE_DATE_EPOCH
_MODE = 0o100644  # a regular file that everybody may read: the function's user is not the one who uploads
_UNIX = 3


def write_zip(folder: Path, path: Path) -> None:
    """Write all files of a folder; the zip appears at once or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    files = sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file())
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in files:
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            archive.writestr(entry, file.read_bytes(), compresslevel=9)
    partial.replace(path)
