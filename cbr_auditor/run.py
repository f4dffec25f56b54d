"""One run, the same on a command line and in the function: audit, report, write, deliver."""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from requests.auth import AuthBase

from cbr_auditor import __version__
from cbr_auditor.access import Access
from cbr_auditor.assessment import Scope, assess
from cbr_auditor.audit import Audit, TargetPlan, audit
from cbr_auditor.catalogue import Catalogue, load_catalogue
from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.slots import Slots
from cbr_auditor.clock import Clock, Deadline
from cbr_auditor.control import read_controls
from cbr_auditor.delivery import deliver
from cbr_auditor.errors import ReportError, SettingsError
from cbr_auditor.files import ReportFolder, write_findings
from cbr_auditor.formats import format_files
from cbr_auditor.http_retry import PATIENT, Patience
from cbr_auditor.layout import resource_folder
from cbr_auditor.memory import rare_collections
from cbr_auditor.render import Renderer
from cbr_auditor.report import FrameworkResult, Report, RuleResult, Trigger, WaiverState
from cbr_auditor.settings import Settings
from cbr_auditor.spool import FindingSpool
from cbr_auditor.target import TargetSettings
from cbr_auditor.text import one_line
from cbr_auditor.verdict import FAIL, INCOMPLETE, decide, summarise
from cbr_auditor.waiver import Waivers, read_waivers

_SHARED = "Backups that other projects share with this one ([listing] own_type)."
_REPLICAS = "Replicas, as far as the cloud lists them apart ([listing] image_type, show_replication)."
_ELSEWHERE = "Other projects and other regions."


class Run(msgspec.Struct, frozen=True):
    """What a run leaves behind."""

    report: Report
    exit_status: int
    """0 to 4 as the public contract says."""
    files: list[Path]
    """The report's files, where a folder for them was set."""


def run(settings: Settings, *, trigger: Trigger, clock: Clock, deadline: Deadline, log: logging.Logger) -> Run:
    """Audit, report and deliver as the settings say.

    Trouble with the listing or a channel is in the report and the exit status. Raises `SettingsError` before any
    request to CBR, and `ReportError` where no report could be made.
    """
    started = clock.now().replace(microsecond=0)
    catalogue = catalogue_of(settings)
    waivers = waivers_of(settings, catalogue, started)
    renderer = Renderer(settings.templates_folder)
    out = _prepared(settings.out)
    if settings.names_secrets:
        from cbr_auditor.secret import fetch_secrets  # noqa: PLC0415  # most settings hold theirs

        settings = fetch_secrets(settings, deadline)
    targets = targets_of(settings, deadline)
    run_id = f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    files = ReportFolder(out) if out else None
    log.info("run %s: rules: %d, projects: %d", run_id, len(catalogue.rules), len(targets))
    try:
        with TemporaryDirectory(prefix="cbr-auditor-") as name:
            folder = Path(name)
            findings = FindingSpool(folder)
            findings_csv = folder / "findings.csv"
            with rare_collections():
                result = audit(
                    targets,
                    list(catalogue.rules),
                    now=started,
                    findings=findings,
                    folder=folder,
                    server_disks=settings.server_disks,
                    in_flight=settings.requests,
                    log=log,
                    overrides=catalogue.overrides,
                    waivers=waivers,
                )
                report = _report(settings, catalogue, result, waivers, run_id, trigger, started, clock.now())
                if files:
                    files.json.begin(report)
                heads = write_findings(findings, findings_csv, files.json if files else None)
            report.groups, report.accepted = heads.groups(report.rules), heads.accepted(report.rules)
            log.info("%s", one_line(report.title))
            html, text = renderer.html(report), renderer.text(report)
            if files:
                files.write(report, findings_csv, renderer.page(report), text, renderer.controls(report))
            report.deliveries = deliver(
                report,
                settings,
                renderer=renderer,
                html=html,
                text=text,
                findings_csv=findings_csv,
                top=heads.top,
                deadline=deadline,
                log=log,
            )
            if files:
                files.add(_formats(settings, catalogue, report, findings))
                files.finish(report)
    except OSError as problem:
        raise ReportError(
            f"the report could not be made: {problem.strerror or problem}",
            "Check the space in the temporary folder (/tmp in the function).",
        ) from problem
    finally:
        if files:
            files.json.give_up()
    return Run(report, _exit_status(report), files.written if files else [])


def catalogue_of(settings: Settings) -> Catalogue:
    """The rules that the settings switch on. Raises `RuleError`."""
    return load_catalogue(
        settings.rules_folder,
        profile=settings.profile,
        profiles=settings.profiles,
        tables=settings.rules,
        overrides=settings.overrides,
    )


def waivers_of(settings: Settings, catalogue: Catalogue, now: datetime) -> Waivers:
    """The waivers of the settings. Raises `RuleError`."""
    known = [ident for ident in catalogue.known if not ident.startswith("waiver-")]
    read = read_waivers(settings.waivers, rules=known, today=now.date(), longest_days=settings.waiver_days)
    return Waivers(read, now)


def targets_of(settings: Settings, deadline: Deadline, patience: Patience = PATIENT) -> list[TargetPlan]:
    """What to audit. All of it together has at most `settings.requests` requests in flight."""
    slots = Slots(settings.requests)
    signed_in = Access(settings, deadline, patience).targets()
    return [_plan(settings, target, auth, deadline, slots, patience) for target, auth in signed_in]


def _plan(
    settings: Settings,
    target: TargetSettings,
    auth: AuthBase,
    deadline: Deadline,
    slots: Slots,
    patience: Patience,
) -> TargetPlan:
    endpoint = target.address() or settings.endpoint
    ca_file = str(settings.ca_file) if settings.ca_file else None

    def connect() -> CbrClient:
        return CbrClient(endpoint, target.project_id, auth, deadline, slots=slots, ca_file=ca_file, patience=patience)

    return TargetPlan(
        target.project_id, target.region or settings.region, target.name, endpoint, settings.filters, connect
    )


def _prepared(out: Path | None) -> Path | None:
    if out is None:
        return None
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".cbr-auditor").touch()
        (out / ".cbr-auditor").unlink()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise SettingsError(
            f"AUDITOR_OUT = {one_line(repr(str(out)))} cannot be written to: {reason}", "Choose another folder."
        ) from None
    return out


def _report(
    settings: Settings,
    catalogue: Catalogue,
    result: Audit,
    waivers: Waivers,
    run_id: str,
    trigger: Trigger,
    started: datetime,
    finished: datetime,
) -> Report:
    summary = summarise(result)
    verdict = decide(result, summary, settings.fail_on)
    rules = [
        RuleResult(
            id=rule.id,
            title=rule.title,
            severity=rule.severity,
            checked=tally.checked,
            failed=tally.failed,
            unknown=tally.unknown,
            errors=tally.errors,
            controls=list(rule.controls),
            advice=rule.advice,
            why=rule.why,
            no_problem=tally.no_problem,
            error_examples=tally.error_examples,
            subject=rule.subject,
            waived=tally.waived,
            superseded=tally.superseded,
            superseded_waived=tally.superseded_waived,
            not_examined=tally.not_examined,
        )
        for rule, tally in zip(result.rules, result.tallies, strict=True)
    ]
    return Report(
        run_id=run_id,
        auditor_version=__version__,
        started_at=started,
        finished_at=finished.replace(microsecond=0),
        trigger=trigger,
        verdict=verdict.word,
        complete=verdict.complete,
        audited=result.audited,
        headline=verdict.headline,
        reasons=verdict.reasons,
        summary=summary,
        coverage=result.coverage,
        not_looked_at=_not_looked_at(settings, catalogue),
        groups=[],
        rules=rules,
        waivers=_waiver_states(waivers),
        frameworks=_frameworks(catalogue, result, rules),
        profile=settings.profile,
        timezone=settings.timezone,
    )


def _formats(
    settings: Settings, catalogue: Catalogue, report: Report, findings: FindingSpool
) -> dict[str, Callable[[Path], None]]:
    """What writes the formats for other systems, by file name. Most runs write none: what it takes is imported here."""
    if not settings.formats:
        return {}
    from cbr_auditor.formats.material import Material  # noqa: PLC0415
    from cbr_auditor.rule_page import page  # noqa: PLC0415

    profiles, controls = catalogue.profiles, read_controls(resource_folder("rules"))
    material = Material(report, findings, lambda ident: page(catalogue.known[ident], profiles, controls))
    return format_files(settings.formats, material)


def _frameworks(catalogue: Catalogue, result: Audit, rules: list[RuleResult]) -> list[FrameworkResult]:
    """What the run is evidence for."""
    scope = Scope(
        result.audited,
        result.coverage,
        catalogue.overrides,
        frozenset(rule.id for rule in result.rules if not rule.everywhere),
    )
    controls = read_controls(resource_folder("rules"))
    return assess(controls, rules, catalogue.controls_off, scope, catalogue.frameworks)


def _waiver_states(waivers: Waivers) -> list[WaiverState]:
    """What became of each waiver: first those that need somebody, then by their end."""
    calm = {"active": 1}
    return [
        WaiverState(
            rule=waiver.rule,
            resource=list(waiver.resource),
            reason=waiver.reason,
            owner=waiver.owner,
            expires=waiver.expires,
            state=waiver.state,
            days_left=waiver.days_left,
            matched=waiver.matched,
        )
        for waiver in sorted(waivers.all, key=lambda waiver: (calm.get(waiver.state, 0), waiver.expires, waiver.label))
    ]


def _not_looked_at(settings: Settings, catalogue: Catalogue) -> list[str]:
    """What this audit leaves out by design or by setting, a sentence each."""
    filters = settings.filters
    sentences = [_ELSEWHERE]
    if not {"shared", "all_granted"} & set(filters.get("own_type", ())):
        sentences.append(_SHARED)
    if "replication" not in filters.get("image_type", ()) and "true" not in filters.get("show_replication", ()):
        sentences.append(_REPLICAS)
    off = sorted(name for name, table in settings.rules.items() if table.get("enabled") is False)
    if off:
        sentences.append(f"Rules that are switched off: {', '.join(off)}.")
    others = len(set(catalogue.off) - set(off))
    if others:
        sentences.append(f"{others} more rules that the profile {settings.profile} leaves off.")
    for override in catalogue.overrides:
        silent = ["every rule"] if override.off else [ident for ident, table in override.rules.items() if table is None]
        if silent:
            sentences.append(f"By override, {', '.join(silent)} for {override.label}.")
    return sentences


def _exit_status(report: Report) -> int:
    if any(not delivery.ok for delivery in report.deliveries):
        return 4
    return {FAIL: 1, INCOMPLETE: 3}.get(report.verdict, 0)
