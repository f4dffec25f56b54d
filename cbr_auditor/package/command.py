"""`cbr-auditor package`: build the function's zip for a runtime."""

import argparse
import sys
from pathlib import Path

from cbr_auditor.auditor_toml import read_table
from cbr_auditor.errors import SettingsError
from cbr_auditor.interpreter import Interpreter, find_interpreter, named_interpreter
from cbr_auditor.package.build import build
from cbr_auditor.settings import SECRETS


def main(arguments: argparse.Namespace) -> int:
    """Build one zip and say its size and digest. Raises `SettingsError` where it cannot be built."""
    compiler = _compiler(arguments)
    config = _config(arguments.config)
    package = build(arguments.runtime, arguments.out, compiler=compiler, config=config, folders=arguments.add)
    print(f"{package.zip}: {package.size / 1e6:.2f} MB, for Python{arguments.runtime}, handler handler.handler")
    print(f"  compiled    {f'by {compiler}' if compiler else 'no'}")
    print(f"  settings    {f'{config} as auditor.toml' if config else 'no auditor.toml'}")
    print(f"  libraries   {package.libraries}, listed in {package.sbom}")
    print(f"  SHA-256     {package.sha256}")
    if compiler and not package.templates:
        _warn("this machine cannot load the function's libraries, so the zip has no compiled templates. It works.")
    if not (compiler or arguments.no_compile):
        _warn(
            f"there is no Python {arguments.runtime} on this machine, so the zip has no compiled modules "
            "and each cold start takes longer. Install it, or name it with --python, and build again."
        )
    return 0


def _warn(text: str) -> None:
    print(f"cbr-auditor: {text}", file=sys.stderr)


def _compiler(arguments: argparse.Namespace) -> Interpreter | None:
    if arguments.no_compile:
        return None
    if not arguments.python:
        return find_interpreter(arguments.runtime)
    named = named_interpreter(arguments.python)
    if named.minor != arguments.runtime:
        raise SettingsError(
            f"--python {arguments.python} is {named}, which compiles nothing for Python{arguments.runtime}",
            f"Name a Python {arguments.runtime}.",
        )
    return named


def _config(named: Path | None) -> Path | None:
    """The operator's auditor.toml: the one that is named, else the current folder's, if there is one."""
    path = named or Path("auditor.toml")
    if not named and not path.is_file():
        return None
    read_table(str(path), None, SECRETS)
    return path
