"""The report for other systems: one module a format, imported only by a run that writes it."""

import functools
import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbr_auditor.formats.material import Material

FORMATS = {"ocsf": "report.ocsf.json", "sarif": "report.sarif", "junit": "report.junit.xml"}
"""Every format by its name in the settings, with the name of its file.

The module of the same name has `write(material, file)`, which writes the file in one go without holding the findings.
"""


def format_files(names: Iterable[str], material: "Material") -> dict[str, Callable[[Path], None]]:
    """For each format's file name what writes it. A writer raises `OSError` where the file cannot be written."""
    return {FORMATS[name]: functools.partial(_write, name, material) for name in names}


def _write(name: str, material: "Material", path: Path) -> None:
    module = importlib.import_module(f"{__name__}.{name}")
    with path.open("wb") as file:
        module.write(material, file)
