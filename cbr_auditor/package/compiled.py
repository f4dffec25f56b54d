"""Compiled modules for the zip, so that a cold start does not compile them.

They are `unchecked-hash` .pyc: whatever times the platform's unzip gives to the sources, they stay valid.
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
    r"/(?:charset_normalizer/(?:md|cd)\.py|dateutil/(?:parser|tz|zoneinfo|relativedelta)\b|idna/(?:uts46data|codec)\.py"
    r"|jinja2/(?:ext|sandbox|meta|nativetypes)\.py|pydantic/(?:color|networks)\.py|pydantic/(?:deprecated|experimental)/"
    r"|urllib3/(?:contrib|http2)/)"
)


def compile_modules(folder: Path, python: Interpreter) -> None:
    """Add a .pyc to each module that a run imports, by the runtime's own Python.

    A fixed hash seed keeps the order of sets, one process the references in marshalled code, so the bytes are the same
    each time; the paths inside are the platform's. Raises `SettingsError` where a module cannot be compiled.
    """
    command = [python.path, "-S", "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    command += ["-x", f"^{re.escape(str(folder))}{_RARELY_IMPORTED}", "-s", str(folder), "-p", CODE_ROOT, str(folder)]
    done = subprocess.run(  # noqa: S603  # an interpreter that the user named or installed
        command,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.defpath, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
    )
    if done.returncode:
        said = one_line((done.stdout + done.stderr).replace(f"{folder}/", ""), 300)
        raise SettingsError(f"{python} cannot compile the code: {said}", "Mend the file that it names.")
