"""The zips as they are built: what they hold, what they do not, and that the same sources give the same bytes."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cbr_auditor import __version__
from cbr_auditor.interpreter import Interpreter
from cbr_auditor.package.lock import lock_file, read_lock
from tests.package.conftest import ROOT, build, checkout, the_zip, unpacked
from tests.test_secrets_stay_hidden import CANARIES, leaks

pytestmark = pytest.mark.slow

BUDGET = {"3.10": 6_000_000, "3.12": 6_500_000}  # bytes


def test_the_zip_is_named_after_version_and_runtime_and_within_its_budget(archive: Path, runtime: str) -> None:
    assert archive.name == f"cbr-auditor-{__version__}-py{runtime}.zip"
    assert archive.stat().st_size <= BUDGET[runtime]


def test_two_builds_in_two_folders_are_the_same_bytes(source: Path, dist: Path, runtime: str, tmp_path: Path) -> None:
    elsewhere = checkout(tmp_path / "another checkout", source)
    for path in elsewhere.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    old = os.umask(0o077)
    try:
        build(runtime, tmp_path / "out", source=elsewhere, TMPDIR=str(temporary), PYTHONHASHSEED="7", TZ="Asia/Tokyo")
    finally:
        os.umask(old)
    for path in dist.iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_archive_has_one_time_one_mode_and_its_names_in_order(archive: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        entries = content.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    names = [entry.filename for entry in entries]
    assert names == sorted(set(names))
    assert len(names) < 30_000


def test_no_path_of_the_builder_is_inside(source: Path, archive: Path, dist: Path) -> None:
    foreign = [str(ROOT), str(source), str(dist), f"{Path.home()}/", "cbr-auditor-package-", sys.prefix]
    with zipfile.ZipFile(archive) as content:  # a library's own builder may have left a home in its compiled code
        texts = {name: content.read(name) for name in content.namelist() if not name.endswith(".so")}
    texts |= {path.name: path.read_bytes() for path in dist.iterdir() if path != archive}
    found = [(name, path) for name, text in texts.items() for path in foreign if path.encode() in text]
    assert found == []


def test_no_secret_of_the_builder_is_inside(source: Path, tmp_path: Path) -> None:
    variables = {f"AUDITOR_{name.upper()}": secret for name, secret in CANARIES.items()}
    variables |= {"OS_PASSWORD": CANARIES["password"], "PROD_TOKEN": CANARIES["token"]}
    (tmp_path / "auditor.toml").write_text('[[targets]]\nproject_id = "p"\ntoken_variable = "PROD_TOKEN"\n')
    said = build("3.10", tmp_path, "--no-compile", source=source, **variables)
    with zipfile.ZipFile(the_zip(tmp_path)) as content:
        assert "auditor.toml" in content.namelist()
        texts = [content.read(name).decode("utf-8", "replace") for name in content.namelist()]
    texts += [said, *(path.read_text() for path in tmp_path.iterdir() if path.suffix != ".zip")]
    assert not [leak for text in texts for leak in leaks(text, CANARIES)]


def test_the_root_holds_the_handler_the_auditor_its_rules_and_templates(source: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        names = set(content.namelist())
    own = {
        f"{name}/{path.name}" for name in ("rules", "templates") for path in (source / name).iterdir() if path.is_file()
    }
    assert {"handler.py", "cbr_auditor/functiongraph.py", "cbr_auditor/delivery/mail.py", *own} <= names
    for pattern in (
        r"^bin/",
        r"(^|/)tests?/",
        r"^cbr_auditor/(demo|package|cli\.py|handler\.py|rules/)",
        r"~$",
        r"/\.",
    ):
        assert [name for name in names if re.search(pattern, name)] == []
    assert "auditor.toml" not in names


def test_every_compiled_module_is_the_runtimes_and_asks_for_no_check(
    archive: Path, runtime: str, python: Interpreter
) -> None:
    magic = subprocess.check_output([python.path, "-c", "import importlib.util as u; print(u.MAGIC_NUMBER.hex())"])
    with zipfile.ZipFile(archive) as content:
        names = content.namelist()
        compiled = [name for name in names if name.endswith(".pyc")]
        for name in compiled:
            head = content.read(name)[:8]
            assert name.endswith(f".cpython-{runtime.replace('.', '')}.pyc")
            assert head[:4].hex() == magic.decode().strip()
            assert head[4:] == b"\1\0\0\0", f"{name} is no unchecked-hash .pyc (PEP 552)"
            assert b"/opt/function/code/" in content.read(name)
    for module in ("handler", "rules/backup_error", "cbr_auditor/run", "pydantic/main", "requests/sessions"):
        folder, _, stem = module.rpartition("/")
        assert f"{folder}/__pycache__/{stem}.".lstrip("/") in {f"{name.partition('.')[0]}." for name in compiled}


def test_every_template_is_compiled_too(source: Path, archive: Path, python: Interpreter) -> None:
    with zipfile.ZipFile(archive) as content:
        compiled = [content.read(name) for name in content.namelist() if name.endswith(".jinja")]
    for template in (source / "templates").glob("*.j2"):
        assert any(f"/opt/function/code/templates/{template.name}".encode() in code for code in compiled), template.name


def test_every_library_keeps_its_metadata_and_its_licence(archive: Path, runtime: str) -> None:
    with zipfile.ZipFile(archive) as content:
        names = set(content.namelist())
        metadata = {
            name: BytesHeaderParser().parsebytes(content.read(name)) for name in names if name.endswith("METADATA")
        }
    assert {(re.sub("[-_.]+", "-", str(said["Name"])).lower(), said["Version"]) for said in metadata.values()} == {
        (pin.name, pin.version) for pin in read_lock(lock_file(runtime))
    }
    for name, said in metadata.items():
        folder = name.removesuffix("METADATA")
        files = said.get_all("License-File")
        assert files, name
        for file in files:
            assert {f"{folder}licenses/{file}", f"{folder}{file}"} & names, (name, file)


def test_the_bill_of_materials_is_valid_and_says_what_the_zip_is(dist: Path, archive: Path, runtime: str) -> None:
    text = (dist / f"{archive.stem}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    said = json.loads(text)
    bom = Bom.from_json(said)  # type: ignore[attr-defined]  # the library adds it at run time
    assert bom.validate()
    digests = {entry["alg"]: entry["content"] for entry in said["metadata"]["component"]["hashes"]}
    content = archive.read_bytes()
    assert digests == {"SHA-256": hashlib.sha256(content).hexdigest(), "SHA-512": hashlib.sha512(content).hexdigest()}
    pins = {pin.name: pin for pin in read_lock(lock_file(runtime))}
    assert {component["name"]: component["version"] for component in said["components"]} == {
        pin.name: pin.version for pin in pins.values()
    }
    for component in said["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["hashes"][0]["content"] in pins[component["name"]].hashes
        assert component["licenses"], component["name"]
    needs = {entry["ref"].partition("@")[0]: entry["dependsOn"] for entry in said["dependencies"]}
    assert {ref.partition("@")[0] for ref in needs["pkg:pypi/requests"]} == {
        f"pkg:pypi/{name}" for name in ("certifi", "charset-normalizer", "idna", "urllib3")
    }
    assert any(ref.startswith("pkg:pypi/msgspec@") for ref in needs["pkg:pypi/cbr-auditor"])


def test_the_digest_beside_the_zip_is_what_sha256sum_checks(dist: Path, archive: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", f"{archive.name}.sha256"], cwd=dist, check=True)


def test_every_module_of_the_auditor_is_imported_by_the_zip_alone(
    archive: Path, python: Interpreter, tmp_path: Path
) -> None:
    code = unpacked(archive, tmp_path / "code")
    modules = [
        ".".join(path.relative_to(code).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((code / "cbr_auditor").rglob("*.py"))
    ]
    assert len(modules) > 50
    script = (
        "import sys, importlib; sys.path.insert(0, sys.argv[1]); [importlib.import_module(m) for m in sys.argv[2:]]"
    )
    subprocess.run([python.path, "-S", "-I", "-B", "-c", script, str(code), *modules], check=True, cwd=tmp_path)


def test_without_the_runtimes_interpreter_it_is_built_all_the_same_and_says_so(tmp_path: Path) -> None:
    runtime = "3.12" if sys.version_info[:2] != (3, 12) else "3.10"
    said = build(runtime, tmp_path, PATH="/nonexistent", HOME=str(tmp_path), PYENV_ROOT="", UV_PYTHON_INSTALL_DIR="")
    assert f"there is no Python {runtime} on this machine, so the zip has no compiled modules" in said
    with zipfile.ZipFile(the_zip(tmp_path)) as content:
        assert [name for name in content.namelist() if "__pycache__" in name or name.endswith(".pyc")] == []
    bill = json.loads(next(tmp_path.glob("*.cdx.json")).read_text())
    assert [entry["name"] for entry in bill["metadata"]["component"]["properties"]] == ["cbr-auditor:runtime"]


def test_an_operators_settings_and_rules_lie_beside_the_handler(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('region = "eu-de"\nrules_folder = "our_rules"\n')
    ours = tmp_path / "our_rules"
    ours.mkdir()
    shutil.copy(ROOT / "rules" / "backup_error.py", ours / "backup_ours.py")
    build("3.10", tmp_path / "out", "--no-compile", "--config", str(tmp_path / "ours.toml"), "--add", str(ours))
    with zipfile.ZipFile(the_zip(tmp_path / "out")) as content:
        assert content.read("auditor.toml") == (tmp_path / "ours.toml").read_bytes()
        assert "our_rules/backup_ours.py" in content.namelist()


def test_the_wheel_holds_what_the_function_needs_and_builds_the_same_zip(source: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    copy = checkout(tmp_path / "source", source)
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path / "wheel", copy], check=True)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
    for name in ("rules", "templates", "locks"):
        files = {f"cbr_auditor/{name}/{path.name}" for path in (source / name).iterdir() if path.is_file()}
        assert files
        assert files <= names
    assert {"cbr_auditor/handler.py", "cbr_auditor/auditor.sample.toml", "cbr_auditor/demo/tenant.py"} <= names
    assert not [
        name for name in names if name.endswith(".pyc") or not name.startswith(("cbr_auditor/", "cbr_auditor-"))
    ]

    installed = tmp_path / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", installed, wheel], check=True)
    build("3.10", tmp_path / "from wheel", source=installed)
    build("3.10", tmp_path / "from checkout", source=copy)
    assert the_zip(tmp_path / "from wheel").read_bytes() == the_zip(tmp_path / "from checkout").read_bytes()
