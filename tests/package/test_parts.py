"""The parts of a build that need neither pip nor another Python."""

import argparse
import ast
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cbr_auditor import cli
from cbr_auditor.errors import SettingsError
from cbr_auditor.package import command
from cbr_auditor.package.archive import write_zip
from cbr_auditor.package.lock import RUNTIMES, Pin, lock_file, read_lock
from cbr_auditor.package.own_files import LEFT_OUT, add_folder, lay_out
from cbr_auditor.package.sbom import bill_of_materials
from cbr_auditor.package.wheels import Wheel, _last_words, _read, unpack
from tests.package.conftest import ROOT

HASH = "a" * 64


# Locks


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtimes_lock_pins_what_the_tests_ran_with(runtime: str) -> None:
    tested = set(re.findall(r"(?m)^([a-z0-9-]+)==([\w.]+)", (ROOT / "requirements.lock").read_text()))
    pins = read_lock(lock_file(runtime))
    assert {(pin.name, pin.version) for pin in pins} <= tested
    names = {pin.name for pin in pins}
    assert {name for name, _ in tested} - names <= {"tomli", "six"}  # 3.10's
    assert all(pin.parents <= names | {"cbr-auditor"} and pin.parents for pin in pins)
    project = (ROOT / "pyproject.toml").read_text().partition("dependencies = [")[2].partition("]\n")[0]
    direct = set(re.findall(r'(?m)^    "([a-z0-9-]+)', project))
    assert direct - names <= {"tomli"}


def test_a_lock_with_a_marker_or_without_hashes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text(f"six==1.17.0 ; python_version < '3.11' \\\n    --hash=sha256:{HASH}\n")
    with pytest.raises(SettingsError, match="is no pinned library"):
        read_lock(path)
    path.write_text(f"idna==3.20 \\\nsix==1.17.0 \\\n    --hash=sha256:{HASH}\n    # via python-dateutil\n")
    with pytest.raises(SettingsError, match="idna has no hash"):
        read_lock(path)


# Our own files


def test_nothing_in_the_zip_imports_what_is_left_out(tmp_path: Path) -> None:
    lay_out(tmp_path)
    kept = {
        ".".join(path.relative_to(tmp_path).with_suffix("").parts).removesuffix(".__init__"): path
        for path in tmp_path.rglob("*.py")
    }
    assert {"handler", "cbr_auditor", "cbr_auditor.delivery.webhook", "rules.backup_error"} <= set(kept)
    missing = []
    for path in kept.values():
        for node in ast.walk(ast.parse(path.read_text())):  # imports inside functions too
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
                names += [f"{node.module}.{alias.name}" for alias in node.names if _is_module(node.module, alias.name)]
            else:
                continue
            missing += [
                (path.name, name) for name in names if name.partition(".")[0] == "cbr_auditor" and name not in kept
            ]
    assert missing == []


def _is_module(package: str | None, name: str) -> bool:
    folder = ROOT.joinpath(*(package or "").split("."))
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


def test_what_is_left_out_exists() -> None:
    assert {name for name in LEFT_OUT if not (ROOT / "cbr_auditor" / name).exists()} == set()


def test_litter_stays_out_of_the_zip(tmp_path: Path) -> None:
    ours = tmp_path / "our_rules"
    for name in ("good.py", "old.py~", ".hidden", "__pycache__/good.pyc", "bad.pyc", "merge.orig", "deep/also.py"):
        path = ours / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (ours / "dangling").symlink_to(tmp_path / "nowhere")
    add_folder(ours, tmp_path / "code")
    found = {path.relative_to(tmp_path / "code").as_posix() for path in (tmp_path / "code").rglob("*.*")}
    assert found == {"our_rules/good.py", "our_rules/deep/also.py"}


# The archive


def test_the_bytes_of_an_archive_depend_on_its_files_alone(tmp_path: Path) -> None:
    made = []
    for number, names in enumerate((["b.py", "a/z.py", "a.py"], ["a.py", "a/z.py", "b.py"])):
        folder = tmp_path / str(number)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"# {name}")
            (folder / name).chmod(0o600 if number else 0o755)
            os.utime(folder / name, (number * 1e9, number * 1e9))
        write_zip(folder, tmp_path / f"{number}.zip")
        made.append((tmp_path / f"{number}.zip").read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "0.zip") as content:
        assert content.namelist() == ["a.py", "a/z.py", "b.py"]
        assert content.testzip() is None
    assert not list(tmp_path.glob("*.partial"))


# Wheels


def wheel(folder: Path, name: str, files: dict[str, str], metadata: str = "") -> Wheel:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{metadata}"
        )
        for file, text in files.items():
            archive.writestr(file, text)
    return _read(path)


def test_a_wheel_is_unpacked_without_scripts_and_records(tmp_path: Path) -> None:
    files = {
        "one/__init__.py": "",
        "one/types.pyi": "",
        "one/py.typed": "",
        "one/__main__.py": "",
        "one-1.0.data/scripts/one": "#!python",
        "one-1.0.data/purelib/two.py": "",
        "one-1.0.dist-info/RECORD": "",
        "one-1.0.dist-info/licenses/LICENSE": "MIT",
        "one-1.0.dist-info/entry_points.txt": "",
    }
    unpack([wheel(tmp_path, "one", files)], tmp_path / "code")
    assert {
        path.relative_to(tmp_path / "code").as_posix() for path in (tmp_path / "code").rglob("*") if path.is_file()
    } == {
        "one/__init__.py",
        "two.py",
        "one-1.0.dist-info/METADATA",
        "one-1.0.dist-info/licenses/LICENSE",
        "one-1.0.dist-info/entry_points.txt",
    }


@pytest.mark.parametrize("name", ["shared.py", "../outside.py"])
def test_a_wheel_that_overwrites_another_or_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    both = [wheel(tmp_path, "one", {"shared.py": ""}), wheel(tmp_path, "two", {name: ""})]
    with pytest.raises(SettingsError, match=f"two-1.0-py3-none-any.whl may not bring '{name}'"):
        unpack(both, tmp_path / "code")
    assert not (tmp_path / "outside.py").exists()


def test_pips_last_words_show_no_login() -> None:
    said = "WARNING: one\nERROR: Could not fetch https://user:hunter2@pypi.example.com/simple/six\nWARNING: last\n"
    assert _last_words(said) == "ERROR: Could not fetch https://***@pypi.example.com/simple/six"


# The bill of materials


@pytest.mark.parametrize(
    ("metadata", "licences"),
    [
        ("License-Expression: BSD-3-Clause\nLicense: ignored\n", [{"expression": "BSD-3-Clause"}]),
        ("License: MPL-2.0\n", [{"license": {"name": "MPL-2.0"}}]),
        (
            "License: Dual License\nClassifier: License :: OSI Approved :: BSD License\nClassifier: License :: Other\n",
            [{"license": {"name": "BSD License"}}, {"license": {"name": "Other"}}],
        ),
        ("License: Its own words\n", [{"license": {"name": "Its own words"}}]),
        ("", None),
    ],
)
def test_a_licence_is_told_as_the_wheel_tells_it(tmp_path: Path, metadata: str, licences: object) -> None:
    one = wheel(tmp_path, "one", {}, metadata)
    pins = [Pin("one", "1.0", {one.sha256}, {"cbr-auditor"})]
    bill = bill_of_materials("cbr.zip", {"SHA-256": HASH}, "3.10", None, pins, [one])
    assert bill["components"][0].get("licenses") == licences
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


# The command


def arguments(*words: str) -> argparse.Namespace:
    return cli._parser().parse_args(["package", *words])


def test_the_default_runtime_is_the_one_that_both_clouds_have() -> None:
    given = arguments()
    assert (given.runtime, given.out, given.config) == ("3.10", Path("dist"), None)


@pytest.mark.parametrize("words", [["--runtime", "3.9"], ["--python", "x", "--no-compile"]])
def test_impossible_arguments_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        arguments(*words)
    assert words[0] in capsys.readouterr().err


def test_an_interpreter_of_another_version_compiles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\necho cpython 3 11 7\n")
    path.chmod(0o755)
    with pytest.raises(SettingsError, match=r"is CPython 3\.11\.7, which compiles nothing for Python3\.12"):
        command.main(arguments("--runtime", "3.12", "--python", str(path)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("= nonsense", "is no valid TOML"),
        ('smtp_password = "hunter2"', "smtp_password is a secret"),
        (None, "cannot be read"),
    ],
)
def test_a_config_that_the_function_would_refuse_is_refused_before_the_build(
    tmp_path: Path, text: str | None, sentence: str
) -> None:
    path = tmp_path / "auditor.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=sentence) as refused:
        command.main(arguments("--no-compile", "--config", str(path)))
    assert "hunter2" not in str(refused.value)


def test_without_pip_or_its_index_it_says_what_to_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(
        SettingsError, match=r"pip could not fetch the libraries of function-py3\.10\.lock: .*PIP_INDEX_URL"
    ):
        command.main(arguments("--no-compile", "--out", str(tmp_path / "dist")))
    assert not (tmp_path / "dist").exists()
