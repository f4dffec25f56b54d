"""What of the auditor itself goes into the zip, and what stays on this machine."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from cbr_auditor.layout import resource_file, resource_folder

# Modules that only a command line, a build or the demo needs; a test holds that no module in the zip imports one.
LEFT_OUT = frozenset(
    {
        "__main__.py",
        "cli.py",
        "demo",
        "deploy",
        "explain.py",
        "interpreter.py",
        "invocation.py",
        "invoke.py",
        "local_runtime.py",
        "package",
        "rule_commands.py",
        "rule_template.py",
        "terminal.py",
    }
)
# An installed wheel keeps these inside the package; in the zip they lie beside it, as in the repository, or not at all.
_BESIDE = frozenset({"auditor.sample.toml", "handler.py", "locks", "rules", "templates"})


def lay_out(folder: Path) -> None:
    """Put handler.py, the package, its rules and its templates into a folder, as FunctionGraph expects them."""
    package = Path(__file__).resolve().parent.parent
    for path in package.iterdir():
        if path.name not in LEFT_OUT | _BESIDE:
            _copy(path, folder / "cbr_auditor" / path.name)
    for name in ("rules", "templates"):
        _copy(resource_folder(name), folder / name)
    _copy(resource_file("handler.py"), folder / "handler.py")


def add_folder(source: Path, folder: Path) -> None:
    """Put an operator's folder of rules or templates beside handler.py."""
    _copy(source, folder / source.name)


def _copy(source: Path, target: Path) -> None:
    if _is_litter(source):
        return
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return
    for path in _inside(source):
        _copy(path, target / path.name)


def _inside(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_dir() or path.is_file())


def _is_litter(path: Path) -> bool:
    """What Python, an editor or git leaves behind; the platform refuses names that end in ~."""
    return path.name.startswith(".") or path.name == "__pycache__" or path.name.endswith(("~", ".pyc", ".orig", ".rej"))
