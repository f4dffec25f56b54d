"""FunctionGraph's entry point, `handler.handler`: puts the zip's own libraries first, then delegates."""

import sys
from pathlib import Path
from typing import Any


def _put_first(folder: Path) -> None:
    """Let every library that lies in `folder` be imported from there, whatever the runtime imported before.

    The runtime's own typing_extensions breaks pydantic, and its requests cannot be imported on Python 3.12.
    """
    sys.path[:] = [str(folder), *(path for path in sys.path if path != str(folder))]
    libraries = _libraries(folder)
    for name in libraries & {module.partition(".")[0] for module in sys.modules}:
        # One that could not be imported leaves its parts behind, without itself.
        file = getattr(sys.modules.get(name), "__file__", None)
        if not file or not Path(file).resolve().is_relative_to(folder):
            _forget(name)
    if "requests" in libraries:
        # requests takes a chardet that it finds before the charset_normalizer that is beside it; None: there is none.
        _forget("chardet")
        sys.modules["chardet"] = None  # type: ignore[assignment]  # what the import system documents


def _forget(name: str) -> None:
    for module in [module for module in sys.modules if f"{module}.".startswith(f"{name}.")]:
        del sys.modules[module]


def _libraries(folder: Path) -> set[str]:
    """The top-level names that `folder` brings, without this file's and Python's own."""
    names = {
        entry.name.partition(".")[0]
        for entry in folder.iterdir()
        if entry.suffix in {".py", ".so"} or (entry / "__init__.py").is_file()
    }
    return names - {Path(__file__).stem, "__main__", *sys.stdlib_module_names}


_put_first(Path(__file__).resolve().parent)

from cbr_auditor.memory import no_collections  # noqa: E402  # only now is it sure to be the one in this folder

with no_collections():
    from cbr_auditor.functiongraph import handle


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Audit, report, deliver; raises where the run could not do its job."""
    return handle(event, context)
