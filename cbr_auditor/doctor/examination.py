"""Which checks there are, in the order in which a run would need what they look at."""

import sys
from collections.abc import Callable, Iterator
from functools import partial

import msgspec
from pydantic import SecretStr

from cbr_auditor.access import Access
from cbr_auditor.audit import TargetPlan
from cbr_auditor.catalogue import Catalogue
from cbr_auditor.clock import Clock, Deadline
from cbr_auditor.doctor import channels, machine
from cbr_auditor.doctor.check import Check, failed, guarded
from cbr_auditor.doctor.machine import Library
from cbr_auditor.doctor.project import check_project
from cbr_auditor.errors import SettingsError
from cbr_auditor.http_retry import Patience
from cbr_auditor.mask import Mask
from cbr_auditor.rule_page import permissions
from cbr_auditor.run import catalogue_of, targets_of, waivers_of
from cbr_auditor.secret import fetch_secrets
from cbr_auditor.settings import SECRETS, Settings
from cbr_auditor.target import Credentials

_ONCE = Patience(1, 0.0)
_WEBHOOKS = ("slack", "teams", "mattermost", "webhook")
_SETTINGS = "settings"


class Examination(msgspec.Struct):
    """All that was found."""

    checks: list[Check]
    libraries: list[Library]
    path: list[str] = msgspec.field(default_factory=lambda: list(sys.path))
    """Where modules are looked for, in this order."""

    @property
    def ok(self) -> bool:
        """Whether nothing that is needed failed."""
        return not any(check.state == "fail" for check in self.checks)


def examine(
    load: Callable[[], tuple[Settings, str]], clock: Clock, deadline: Deadline, *, limited: bool
) -> Examination:
    """Check everything. `load` gives the settings and where credentials come from; it may raise `SettingsError`.

    `deadline` bounds the requests; `limited` says whether it is the platform's.
    """
    libraries = machine.libraries()
    checks = [
        *machine.check_python(),
        *machine.check_libraries(libraries),
        *machine.check_time(deadline if limited else None),
        *machine.check_memory(),
    ]
    try:
        settings, place = load()
    except SettingsError as problem:
        return Examination([*checks, failed(_SETTINGS, "settings", problem)], libraries)
    checks.append(Check(_SETTINGS, "settings", "ok", f"readable; credentials: {place or _credentials(settings)}"))
    hide = Mask(_secrets(settings))
    catalogue, found = _rules(settings, clock)
    checks += found
    settings, found = _fetched(settings, deadline)
    checks += found
    hide_more = Mask(_secrets(settings))
    if catalogue is not None:
        checks += _projects(settings, catalogue, clock, deadline)
    checks += _channels(settings, deadline)
    return Examination([_masked(check, hide, hide_more) for check in checks], libraries)


def _credentials(settings: Settings) -> str:
    kinds = {"token": "a token", "access_key": "an access key", "username": "a user", "targets": "of each target"}
    return next((kind for name, kind in kinds.items() if getattr(settings, name)), "none")


def _rules(settings: Settings, clock: Clock) -> tuple[Catalogue | None, list[Check]]:
    try:
        catalogue = catalogue_of(settings)
        waivers = waivers_of(settings, catalogue, clock.now())
    except SettingsError as problem:
        return None, [failed(_SETTINGS, "rules", problem)]
    said = f"{len(catalogue.rules)} of {len(catalogue.known)} are on (profile {settings.profile})"
    said += f", {len(waivers.all)} waivers" if waivers.all else ""
    return catalogue, [Check(_SETTINGS, "rules", "ok", said)]


def _fetched(settings: Settings, deadline: Deadline) -> tuple[Settings, list[Check]]:
    """The settings with the secrets that they name, where all could be fetched."""
    if not settings.names_secrets:
        return settings, []
    try:
        return fetch_secrets(settings, deadline, _ONCE), [Check(_SETTINGS, "secrets", "ok", "fetched")]
    except SettingsError as problem:
        return settings, [failed(_SETTINGS, "secrets", problem)]


def _projects(settings: Settings, catalogue: Catalogue, clock: Clock, deadline: Deadline) -> Iterator[Check]:
    needs: dict[str, list[str]] = {}
    for rule in catalogue.rules:
        for action in permissions(rule):
            needs.setdefault(action, []).append(rule.id)
    try:
        targets = targets_of(settings, deadline, _ONCE)
    except SettingsError as problem:
        yield failed("project", "signing in", problem)
        return
    access = Access(settings, deadline, _ONCE)
    for target in targets:
        step = partial(_project, target, access, clock, needs)
        yield from guarded(f"project {target.name or target.project_id}", "requests", step, max(5.0, deadline.left()))


def _project(target: TargetPlan, access: Access, clock: Clock, needs: dict[str, list[str]]) -> Iterator[Check]:
    client = target.connect()
    try:
        yield from check_project(target, access.service("cbr", target.endpoint), client, clock, needs)
    finally:
        client.close()


def _channels(settings: Settings, deadline: Deadline) -> Iterator[Check]:
    steps = [
        ("folder", partial(channels.check_folder, settings)),
        ("mail", partial(channels.check_mail, settings, deadline)),
    ]
    steps += [(name, partial(channels.check_webhook, settings, name, deadline.clock.now())) for name in _WEBHOOKS]
    found = [check for name, step in steps for check in guarded(channels.AREA, name, step)]
    if not found:
        mend = "Set AUDITOR_MAIL_TO, a webhook or AUDITOR_OUT."
        found = [Check(channels.AREA, "channels", "warn", "none is set: nobody is told but the log", mend)]
    yield from found


def _secrets(settings: Settings) -> Iterator[str]:
    """Every secret that the settings hold, those of the targets too."""
    credentials = set(Credentials.model_fields)
    values = [getattr(settings, name) for name in SECRETS]
    values += [getattr(target, name) for target in settings.targets for name in credentials]
    yield from (value.get_secret_value() for value in values if isinstance(value, SecretStr))


def _masked(check: Check, *masks: Mask) -> Check:
    detail, mend = check.detail, check.mend
    for mask in masks:
        detail, mend = mask.text(detail), mask.text(mend)
    return msgspec.structs.replace(check, detail=detail, mend=mend)
