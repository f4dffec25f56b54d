"""Where the files lie that are no Python modules of the package."""

from pathlib import Path


def resource_folder(name: str) -> Path:
    """`rules` or `templates`: inside the package in an installed wheel, else beside it, as in the repository."""
    package = Path(__file__).resolve().parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


def resource_file(name: str) -> Path:
    """`handler.py`: as `resource_folder`."""
    package = Path(__file__).resolve().parent
    installed = package / name
    return installed if installed.is_file() else package.parent / name
