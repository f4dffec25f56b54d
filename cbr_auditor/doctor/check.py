"""What one check found, and how a check is kept from taking long or down."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from cbr_auditor.errors import AuditorError

State = Literal["ok", "warn", "fail", "skip"]

_LONGEST = 25.0  # seconds; name resolution knows no time-out of its own


class Check(msgspec.Struct):
    """One step: `fail` where a run would miss something, `warn` where it may, `skip` where it was not tried."""

    area: str
    name: str
    state: State
    detail: str
    mend: str = ""


def failed(area: str, name: str, problem: AuditorError) -> Check:
    """The check of a step that ended in one of our errors."""
    return Check(area, name, "fail", problem.what, problem.mend)


def guarded(area: str, name: str, step: Callable[[], Iterable[Check]], seconds: float = _LONGEST) -> list[Check]:
    """What the step found; that it failed, where it raised, and that it hangs, where it gives no sign in time."""
    found: list[Check] = []

    def run() -> None:
        try:
            found.extend(step())
        except AuditorError as problem:
            found.append(failed(area, name, problem))
        except Exception as problem:  # noqa: BLE001  # one check must not stop the next
            # Only its type and place: the text of an error that nobody foresaw may hold a secret.
            place = traceback.extract_tb(problem.__traceback__)[-1]
            where = f"{type(problem).__name__} in {Path(place.filename).name}:{place.lineno}"
            found.append(Check(area, name, "fail", f"a defect of the auditor: {where}", "Report it."))

    thread = threading.Thread(target=run, name=f"doctor-{name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return [
            *found,
            Check(area, name, "fail", f"it gave no sign within {seconds:.0f} s", "Check DNS and the network."),
        ]
    return found


def log_checks(checks: Iterable[Check], log: logging.Logger) -> None:
    """One line a check, with the mend of what failed."""
    levels = {"ok": logging.INFO, "skip": logging.INFO, "warn": logging.WARNING, "fail": logging.ERROR}
    for check in checks:
        said = str(AuditorError(check.detail, check.mend)) if check.mend else check.detail
        log.log(levels[check.state], "doctor: %s: %s: %s: %s", check.area, check.name, check.state, said)
