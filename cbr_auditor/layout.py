"""Where the files lie that are no Python modules of the package."""

from pathlib import Path


def resource_folder(name: str) -> Path:
    """`rules` or `templates`: inside the package in an installed wheel, else beside it, as in the repository."""
    package = Path(__file__).resolve().parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name
