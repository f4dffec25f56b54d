"""Build a runtime's zip: lock, wheels, our own files, compiled modules, archive, bill of materials."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from cbr_auditor import __version__
from cbr_auditor.errors import SettingsError
from cbr_auditor.interpreter import Interpreter
from cbr_auditor.package.archive import write_zip
from cbr_auditor.package.compiled import compile_modules, compile_templates
from cbr_auditor.package.lock import Pin, lock_file, read_lock
from cbr_auditor.package.own_files import add_folder, lay_out
from cbr_auditor.package.sbom import bill_of_materials
from cbr_auditor.package.wheels import Wheel, fetch_wheels, unpack


@dataclass(frozen=True, slots=True)
class Package:
    """A zip that was built, and its bill of materials beside it."""

    zip: Path
    sbom: Path
    sha256: str
    size: int
    """Bytes."""
    libraries: int
    templates: bool = False
    """Whether the templates are compiled too."""


def build(
    runtime: str,
    out: Path,
    *,
    compiler: Interpreter | None = None,
    config: Path | None = None,
    folders: Sequence[Path] = (),
) -> Package:
    """Build the zip of a runtime into the folder `out`, with its SHA-256 and its bill of materials beside it.

    `compiler` makes the .pyc files, and there are none without it; `config` is an operator's auditor.toml, `folders`
    their own rules and templates. Raises `SettingsError` for what cannot be taken, fetched, compiled or written.
    """
    lock = lock_file(runtime)
    pins = read_lock(lock)
    with TemporaryDirectory(prefix="cbr-auditor-package-") as temporary:
        code = Path(temporary) / "code"
        wheels = fetch_wheels(lock, runtime, Path(temporary) / "wheels")
        _check(pins, wheels, lock)
        unpack(wheels, code)
        lay_out(code)
        for folder in folders:
            _check_name(folder, code)
            add_folder(folder, code)
        if config:
            shutil.copyfile(config, code / "auditor.toml")
        templates = False
        if compiler:
            compile_modules(code, compiler)
            templates = compile_templates(code, compiler)
        try:
            package = _write(code, out, runtime, compiler, pins, wheels)
        except OSError as problem:
            raise SettingsError(f"--out {out} cannot be written: {problem.strerror}", "Name another folder.") from None
    return replace(package, templates=templates)


def _write(
    code: Path, out: Path, runtime: str, compiler: Interpreter | None, pins: Sequence[Pin], wheels: Sequence[Wheel]
) -> Package:
    name = f"cbr-auditor-{__version__}-py{runtime}"
    path, sbom = out / f"{name}.zip", out / f"{name}.cdx.json"
    out.mkdir(parents=True, exist_ok=True)
    write_zip(code, path)
    content = path.read_bytes()
    # FunctionGraph names a function's code by its SHA-512; people compare SHA-256.
    digests = {"SHA-256": hashlib.sha256(content).hexdigest(), "SHA-512": hashlib.sha512(content).hexdigest()}
    bill = bill_of_materials(path.name, digests, runtime, str(compiler) if compiler else None, pins, wheels)
    sbom.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    (out / f"{path.name}.sha256").write_text(f"{digests['SHA-256']}  {path.name}\n", encoding="utf-8")
    return Package(path, sbom, digests["SHA-256"], len(content), len(wheels))


def _check(pins: Sequence[Pin], wheels: Sequence[Wheel], lock: Path) -> None:
    """Whether pip fetched exactly what the lock names, as its bill of materials will say."""
    fetched = {(wheel.name, wheel.version) for wheel in wheels}
    pinned = {(pin.name, pin.version): pin for pin in pins}
    if fetched != set(pinned) or any(wheel.sha256 not in pinned[wheel.name, wheel.version].hashes for wheel in wheels):
        raise SettingsError(f"pip fetched other libraries than {lock.name} names", "Build again without pip's cache.")


def _check_name(folder: Path, code: Path) -> None:
    if not folder.is_dir():
        raise SettingsError(f"--add {folder} is no folder", "Name a folder of rules or templates.")
    if (code / folder.name).exists():
        raise SettingsError(f"--add {folder}: the zip has a {folder.name} of its own", "Give your folder another name.")
