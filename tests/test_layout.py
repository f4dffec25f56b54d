import importlib.util
import shutil
from pathlib import Path

import pytest

from cbr_auditor import layout


@pytest.mark.parametrize("name", ["rules", "templates"])
def test_in_the_repository_the_folder_lies_beside_the_package(name: str) -> None:
    assert layout.resource_folder(name) == Path(__file__).resolve().parent.parent / name
    assert list(layout.resource_folder(name).iterdir())


def test_in_an_installed_wheel_the_folder_lies_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "cbr_auditor"
    (package / "templates").mkdir(parents=True)
    (tmp_path / "templates").mkdir()
    shutil.copy(layout.__file__, package / "layout.py")
    spec = importlib.util.spec_from_file_location("installed_layout", package / "layout.py")
    assert spec is not None
    assert spec.loader is not None
    installed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(installed)
    assert installed.resource_folder("templates") == package / "templates"
