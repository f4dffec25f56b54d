"""Compiled modules and templates for the zip, so that a cold start does not compile them.

Modules are `unchecked-hash` .pyc: whatever times the platform's unzip gives to the sources, they stay valid.
"""

import os
import re
import subprocess
from pathlib import Path

from cbr_auditor.errors import SettingsError
from cbr_auditor.interpreter import Interpreter
from cbr_auditor.text import one_line

CODE_ROOT = "/opt/function/code"  # where FunctionGraph unpacks a zip (RUNTIME_CODE_ROOT); tracebacks show it

# What a run does not import, but for a rare name or a rule of an operator's: its .pyc would cost a tenth of the zip.
_RARELY_IMPORTED = (
    r"/(?:dateutil/(?:parser|tz|zoneinfo|relativedelta)\b|idna/(?:uts46data|codec)\.py"
    r"|jinja2/(?:ext|sandbox|meta|nativetypes)\.py|pydantic/(?:color|networks)\.py|pydantic/(?:deprecated|experimental)/"
    r"|urllib3/(?:contrib|http2)/)"
)


# As cbr_auditor.render does when it meets a template for the first time, but with the platform's paths inside.
_COMPILE_TEMPLATES = """
import sys
from types import CodeType

from jinja2 import FileSystemBytecodeCache

from cbr_auditor.render import Renderer

folder, shown = sys.argv[1:]


def moved(code: CodeType, path: str) -> CodeType:
    constants = (moved(constant, path) if isinstance(constant, CodeType) else constant for constant in code.co_consts)
    return code.replace(co_filename=path, co_consts=tuple(constants))


environment = Renderer().environment()
cache = environment.bytecode_cache
for name in sorted(environment.list_templates(extensions=["j2"])):
    source, file, _ = environment.loader.get_source(environment, name)
    bucket = cache.get_bucket(environment, name, file, source)
    bucket.code = moved(environment.compile(source, name, file), shown + file.removeprefix(folder))
    FileSystemBytecodeCache.dump_bytecode(cache, bucket)
"""


def compile_modules(folder: Path, python: Interpreter) -> None:
    """Add a .pyc to each module that a run imports, by the runtime's own Python.

    The bytes are the same each time, and the paths inside are the platform's. Raises `SettingsError` where a module
    cannot be compiled.
    """
    excluded = f"^{re.escape(str(folder))}{_RARELY_IMPORTED}"
    command = ["-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash", "-x", excluded]
    done = _run(python, folder, [*command, "-s", str(folder), "-p", CODE_ROOT, str(folder)])
    if done.returncode:
        said = one_line((done.stdout + done.stderr).replace(f"{folder}/", ""), 300)
        raise SettingsError(f"{python} cannot compile the code: {said}", "Mend the file that it names.")


def compile_templates(folder: Path, python: Interpreter) -> bool:
    """Add the compiled form of our templates; False where this machine cannot load the libraries of the platform."""
    compiled = folder / "templates" / "__pycache__"
    compiled.mkdir()
    done = _run(python, folder, ["-B", "-c", _COMPILE_TEMPLATES, str(folder), CODE_ROOT], PYTHONPATH=str(folder))
    if done.returncode:
        for path in compiled.iterdir():
            path.unlink()
    return not done.returncode


def _run(python: Interpreter, folder: Path, arguments: list[str], **environ: str) -> "subprocess.CompletedProcess[str]":
    """Call the runtime's Python so that it compiles the same bytes each time.

    A fixed hash seed keeps the order of sets, one process the references in marshalled code.
    """
    return subprocess.run(  # noqa: S603  # an interpreter that the user named or installed
        [python.path, "-S", *arguments],
        cwd=folder.parent,  # Python looks for modules there first
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.defpath, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1", **environ},
    )
