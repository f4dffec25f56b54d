"""The function on FunctionGraph: its event, its context, its time, its answer.

What the platform promises and what it does differ by region and runtime; each doubt is settled here, so that the run
itself is the same as on a command line. Nothing is kept between two invocations: an instance may serve many.
"""

import json
import logging
import math
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from cbr_auditor import __version__
from cbr_auditor.clock import Clock, Deadline, SystemClock
from cbr_auditor.errors import AuditFailedError, SettingsError
from cbr_auditor.report import Report, Trigger
from cbr_auditor.run import Run, run
from cbr_auditor.settings import PREFIX, Settings, load_settings
from cbr_auditor.target import LOGINS
from cbr_auditor.text import one_line

_SHORTEST, _LONGEST = 3.0, 259_200.0  # seconds that a function may be given ("Notes and Constraints")
_LONGEST_BELIEVED = 900.0  # seconds; the context's own time is wrong by factors of 1000 in known runtimes
_UNTOLD = 30.0  # seconds, where neither the variable nor the context tells
_VARIABLES = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
_CREDENTIALS = [f"{PREFIX}{name.upper()}" for name in sorted(LOGINS)]
_COLD_START = 5.0  # seconds, or 15 % of a short time: loading the code may count against the function's time


def handle(event: Any, context: Any, *, clock: Clock | None = None) -> dict[str, Any]:
    """Run once and give a small summary that can be written as JSON; or check the function, if the event asks for that.

    Raises `SettingsError` before any request, `ReportError` where no report could be made, and, once everything was
    delivered that could be, `AuditFailedError` where a channel failed or nothing at all could be listed.
    """
    clock = clock or SystemClock()
    log = _logger(context)
    deadline = Deadline(clock, read_time(context, log))
    trigger = read_trigger(event)
    log.info(
        "cbr-auditor %s, Python %s, %s, %d s", __version__, platform.python_version(), trigger.type, deadline.seconds
    )
    if asks_for_doctor(event):
        from cbr_auditor.doctor import event as doctor  # noqa: PLC0415  # no audit needs it

        return doctor.answer(lambda: read_settings(context, log), clock, deadline, log)
    settings = read_settings(context, log)
    result = run(settings, trigger=trigger, clock=clock, deadline=deadline, log=log)
    if not result.report.deliveries:
        log.warning("no channel is set: apart from this log nobody is told")
    if failures := list(_failures(result.report)):
        raise AuditFailedError(" ".join(failures), _outcome(result.report))
    return _summary(result)


def read_trigger(event: Any) -> Trigger:
    """What started the run, from the event: a timer, or by hand for whatever else it is (a console's test, None).

    Everything is set by settings; of a timer's `user_event` the one word `doctor` is understood.
    """
    if not isinstance(event, dict) or event.get("trigger_type") != "TIMER":
        return Trigger(type="MANUAL")
    name, time = (
        one_line(value, 100) if isinstance(value, str) and value else None
        for value in (event.get("trigger_name"), event.get("time"))
    )
    return Trigger(type="TIMER", name=name, time=time)


def asks_for_doctor(event: Any) -> bool:
    """Whether the event wants the function checked, not the backups: its `user_event` is the word `doctor`."""
    word = event.get("user_event") if isinstance(event, dict) else None
    return isinstance(word, str) and word.strip().lower() == "doctor"


def read_settings(context: Any, log: logging.Logger) -> Settings:
    """The settings from the context, the environment and the auditor.toml beside handler.py. Raises `SettingsError`.

    Where no setting holds a credential the agency's are taken, and where none names a project the function's own.
    """
    user_data = _UserData(context, log)
    own_project = os.environ.get("RUNTIME_PROJECT_ID") or _text(_ask(context, "getProjectID"))
    set_by_hand = any(user_data.get(name) or os.environ.get(name) for name in _CREDENTIALS)
    agency = {} if set_by_hand else _agency(context)
    settings = load_settings(
        os.environ,
        user_data=user_data,
        fallbacks={"project_id": own_project, **agency},
        beside=Path(os.environ.get("RUNTIME_CODE_ROOT") or Path(__file__).resolve().parent.parent),
    )
    if not (settings.token or settings.access_key or settings.username or settings.targets):
        raise SettingsError(
            "context.getToken() gave no token, so the function has no agency, or one that does not work yet",
            "Give it an agency with CBR ReadOnlyAccess in this project; a new one takes about 10 minutes to work.",
        )
    if settings.project_id != own_project and agency.get("token") and agency.get("access_key"):
        # The agency's token is good for the function's own project alone, its access key for others too.
        return settings.model_copy(update={"token": None})
    return settings


def read_time(context: Any, log: logging.Logger) -> float:
    """Seconds that this run may take: the function's time, less what loading it may have cost already."""
    seconds = _number(os.environ.get("RUNTIME_TIMEOUT"))
    if not _SHORTEST <= seconds <= _LONGEST:
        seconds = _number(_ask(context, "getRemainingTimeInMilliSeconds")) / 1000
        if not 1.0 <= seconds <= _LONGEST_BELIEVED:
            log.warning("neither RUNTIME_TIMEOUT nor the context tells the function's time: %d s are assumed", _UNTOLD)
            seconds = _UNTOLD
    return seconds - min(_COLD_START, 0.15 * seconds)


class _UserData(Mapping[str, str]):
    """The function's variables, encrypted ones too, which are nowhere else; what `getUserData` says wins.

    The context cannot say which there are, so all settings are asked for; any other name is asked for when it is
    looked up. Raises `SettingsError` where neither source can be read: a channel might be missing unnoticed.
    """

    def __init__(self, context: Any, log: logging.Logger) -> None:
        self._context = context
        self._told: dict[str, Any] = {}
        try:
            told = json.loads(os.environ.get("RUNTIME_USERDATA") or "{}") or {}
        except (ValueError, RecursionError):
            told = None
        if isinstance(told, dict):
            self._told = told
        elif len(self):
            log.warning(
                "RUNTIME_USERDATA is no JSON object and was ignored; getUserData() knows %d settings", len(self)
            )
        else:
            raise SettingsError(
                "the function's variables cannot be read: RUNTIME_USERDATA is no JSON object (its value is not shown), "
                "and context.getUserData() knows no setting",
                "Set the function's environment variables again.",
            )

    def __getitem__(self, name: str) -> str:
        value = _text(_ask(self._context, "getUserData", name)) or _text(self._told.get(name))
        if not value:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in dict.fromkeys([*_VARIABLES, *self._told]) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _agency(context: Any) -> dict[str, str]:
    """The credentials that the platform made of the agency; each has ended within 24 hours."""
    found = {"token": _text(_ask(context, "getToken")).strip()}
    key = {
        "access_key": _text(_ask(context, "getSecurityAccessKey")),
        "secret_key": _text(_ask(context, "getSecuritySecretKey")),
        "security_token": _text(_ask(context, "getSecurityToken")),
    }
    return {**found, **key} if all(key.values()) else found


def _number(value: Any) -> float:
    """A number that came as a number or as a text; not-a-number, which no comparison holds for, otherwise."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _logger(context: Any) -> logging.Logger:
    """The context's logger; otherwise one that writes to stdout, which the platform collects too.

    That one is not registered: each invocation would add a handler to it, and every line would come once more.
    """
    logger = _ask(context, "getLogger")
    if isinstance(logger, logging.Logger):
        return logger
    logger = logging.Logger("cbr_auditor", logging.INFO)  # noqa: LOG001  # unregistered, as the docstring says
    logger.addHandler(logging.StreamHandler(sys.stdout))
    return logger


def _ask(context: Any, method: str, *arguments: str) -> Any:
    """What the context answers; None where it has no such method or the method raises."""
    try:
        return getattr(context, method)(*arguments)
    except Exception:  # noqa: BLE001  # the platform's code, which nobody can read: whatever it raises is no answer
        return None


def _text(value: Any) -> str:
    """The value of a variable as a text, also where JSON holds a number, true or a table; empty for anything else."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return ""


def _failures(report: Report) -> Iterator[str]:
    """Why the invocation ends in an error, in sentences, for whoever reads the platform's alarm."""
    if not report.audited:
        problems = [problem for target in report.coverage for problem in target.problems[:1]]
        yield _sentence(f"no audit was made: {' '.join(problems)}" if problems else report.headline)
    for delivery in report.deliveries:
        if not delivery.ok:
            yield _sentence(f"{delivery.channel} to {delivery.target} failed: {delivery.detail}")


def _outcome(report: Report) -> str:
    """What the failed invocation achieved nevertheless."""
    served = ", ".join(delivery.channel for delivery in report.deliveries if delivery.ok)
    told = f"The report went out by {served}" if served else "The report reached nobody"
    return _sentence(f"{told}: {report.title}" if report.audited else told)


def _sentence(text: str) -> str:
    text = one_line(text, 600)
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _summary(result: Run) -> dict[str, Any]:
    report = result.report
    return {
        "run_id": report.run_id,
        "verdict": report.verdict,
        "complete": report.complete,
        "headline": report.headline,
        "summary": msgspec.to_builtins(report.summary),
        "deliveries": msgspec.to_builtins(report.deliveries),
        "exit_status": result.exit_status,
    }
