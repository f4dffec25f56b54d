"""The event `{"user_event": "doctor"}`: the same checks inside the function, where they matter most."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from cbr_auditor.clock import Clock, Deadline
from cbr_auditor.doctor.check import log_checks
from cbr_auditor.doctor.examination import examine
from cbr_auditor.settings import Settings


def answer(load: Callable[[], Settings], clock: Clock, deadline: Deadline, log: logging.Logger) -> dict[str, Any]:
    """What was found, also in the log. Nothing is raised: the answer is the finding, and no alarm is due."""
    found = examine(lambda: (load(), ""), clock, deadline, limited=True)
    log_checks(found.checks, log)
    return {"ok": found.ok, **msgspec.to_builtins(found)}
