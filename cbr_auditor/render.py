"""Jinja environments, what a template may call, and the size budget of the page.

A template sees `report` and the filters below. Every value is made harmless for its medium on its way out.
"""

import contextlib
import re
import sys
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import markupsafe
import msgspec
from jinja2.bccache import Bucket
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from markupsafe import Markup

from cbr_auditor.columns import pad, wrap
from cbr_auditor.errors import ReportError
from cbr_auditor.excerpt import ROOMS, WHOLE, excerpt
from cbr_auditor.finding import Finding
from cbr_auditor.layout import resource_folder
from cbr_auditor.report import SUBJECT_NOUNS, Report, RuleResult
from cbr_auditor.text import clip, one_line

PAGE = "report.html.j2"
PLAIN = "report.txt.j2"
CONTROLS = "controls.html.j2"

_LARGEST = 95_000  # bytes; Gmail clips a mail's HTML at about 102 KB and counts some of its encoding
_LONGEST_VALUE = 5_000
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_KINDS = {"OS::Nova::Server": "server", "OS::Cinder::Volume": "disk", "OS::Sfs::Turbo": "SFS Turbo"}
# What an operator's template can do wrong besides Jinja's own errors: read a broken file, divide by zero, ...
_TEMPLATE_ERRORS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)


class _Compiled(jinja2.FileSystemBytecodeCache):
    """Compiled templates beside their sources, as Python keeps its modules': compiling costs most of a small run.

    Each is checked against its source. Where the folder cannot be written, or PYTHONDONTWRITEBYTECODE is set, those
    that are there are used and none is added.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder / "__pycache__"), pattern="%s.jinja")

    def get_cache_key(self, name: str, filename: str | None = None) -> str:  # noqa: ARG002  # jinja2's signature
        """The name alone, so that a folder may be moved after its templates were compiled."""
        return super().get_cache_key(name)

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take a compiled template, if there is one."""
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template, if that is possible and wanted."""
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError):
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)


class Renderer:
    """Makes what people read. Templates in `folder` are taken before ours of the same name."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folders = [*([folder] if folder else []), resource_folder("templates")]
        self._loader = jinja2.FileSystemLoader(self._folders)
        self._compiled = _Compiled(self._folders[-1])
        self._html = self.environment()
        self._text = self.environment(escape=lambda text: one_line(text, _LONGEST_VALUE))

    def page(self, report: Report) -> str:
        """The page as a file, which may be of any size. Raises `ReportError`."""
        return self._render(PAGE, self._html, excerpt(report, WHOLE))

    def html(self, report: Report) -> str:
        """The page as a mail: with our template always less than 95,000 bytes of UTF-8.

        It shows fewer findings and shorter texts until it fits, and says how many are left out; an operator's
        template that never fits is given back as short as it gets. Raises `ReportError`.
        """
        return self._fitting(PAGE, self._html, report)

    def text(self, report: Report) -> str:
        """The same in plain text and no longer, in 72 columns but for words that cannot be broken, as an id.

        Raises `ReportError`.
        """
        text = self._fitting(PLAIN, self._text, report)
        return _BLANK_LINES.sub("\n\n", text).strip() + "\n"

    def controls(self, report: Report) -> str:
        """The page about frameworks and clauses: a file, so it may be of any size and shows all.

        Raises `ReportError`.
        """
        return self._render(CONTROLS, self._html, report)

    def environment(self, escape: Callable[[str], str] | None = None) -> jinja2.Environment:
        """An environment that passes every value that is not marked safe through `escape`, for HTML where None."""
        escape = escape or _escape_html

        # With the context as its argument it is not called at compile time, when Jinja escapes constants for HTML.
        @jinja2.pass_eval_context
        def finalize(_context: EvalContext, value: Any) -> Markup:
            return value if isinstance(value, Markup) else Markup(escape(str(value)))  # noqa: S704  # escaped

        environment = jinja2.Environment(
            loader=self._loader,
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            finalize=finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            bytecode_cache=self._compiled,
        )
        environment.filters.update(_FILTERS)
        return environment

    def _fitting(self, name: str, environment: jinja2.Environment, report: Report) -> str:
        text = ""
        for room in ROOMS:
            text = self._render(name, environment, excerpt(report, room))
            if len(text.encode()) < _LARGEST:
                break
        return text

    def _render(self, name: str, environment: jinja2.Environment, report: Report) -> str:
        try:
            return environment.get_template(name).render(report=report)
        except _TEMPLATE_ERRORS as problem:
            what = f"{self._place(problem, name)}: {type(problem).__name__}: {one_line(str(problem))}"
            raise ReportError(
                f"the template {what}", "Mend it, or remove it from AUDITOR_TEMPLATES_FOLDER to use ours."
            ) from problem

    def _place(self, problem: BaseException, name: str) -> str:
        """The file and line of the template where it went wrong, as far as they are known."""
        if isinstance(problem, jinja2.TemplateSyntaxError):
            return f"{problem.filename or problem.name or name}, line {problem.lineno}"
        steps = [(step.filename, step.lineno) for step in traceback.extract_tb(problem.__traceback__)]
        folders = tuple(f"{folder}/" for folder in self._folders)
        found = [f"{filename}, line {line}" for filename, line in steps if filename.startswith(folders)]
        return found[-1] if found else name


def _escape_html(text: str) -> str:
    return markupsafe.escape(one_line(text, _LONGEST_VALUE))


class Occurrence(msgspec.Struct):
    """The findings of one rule that say the same of the same resource."""

    first: Finding
    findings: list[Finding] = []


def by_resource(findings: list[Finding]) -> list[Occurrence]:
    """Findings that say the same of the same resource put together, in the order in which they come."""
    occurrences: dict[Any, Occurrence] = {}
    for finding in findings:
        key = (
            finding.project_id,
            finding.region,
            finding.resource_id,
            finding.resource_name,
            finding.resource_type,
            finding.vault_id,
            finding.subject,
            finding.subject_id if finding.subject != "backup" else None,
            finding.message,
        )
        occurrences.setdefault(key, Occurrence(finding)).findings.append(finding)
    return list(occurrences.values())


@jinja2.pass_context
def local(context: Context, when: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    """A time in the report's zone: 2026-11-23 07:00 CET."""
    try:
        there = when.astimezone(ZoneInfo(context["report"].timezone))
    except OverflowError:  # the first or last day of the calendar: what cannot be shifted is shown in UTC
        there = when
    zone = there.strftime("%Z")
    return f"{there.strftime(form)} {f'UTC{zone}' if zone[:1] in {'+', '-'} else zone}"


def kind_of(finding: Finding) -> str:
    """What a finding is about, as people say it: server, vault, project."""
    if finding.subject in {"backup", "resource"}:
        return kind(finding.resource_type)
    return SUBJECT_NOUNS[finding.subject][0] if finding.subject in SUBJECT_NOUNS else finding.subject


def utc(when: datetime) -> str:
    """A time in UTC with its seconds: 2026-11-23 06:00:00 UTC."""
    return f"{when.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def number(count: int) -> str:
    """A count with its thousands apart: 1,234."""
    return f"{count:,}"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """A count and what is counted: 1 backup, 1,234 backups."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def kind(resource_type: str | None) -> str:
    """A resource type as people say it; one that is not known as it is, none as "resource"."""
    return _KINDS.get(resource_type or "", resource_type or "resource")


def shares(rule: RuleResult) -> tuple[int, int]:
    """Failed and undecided backups in percent of those that were checked; what there is at all is at least 2."""
    if not rule.checked:
        return 0, 0
    failed, unknown = (
        min(98, max(2, round(100 * count / rule.checked))) if count else 0 for count in (rule.failed, rule.unknown)
    )
    return failed, min(unknown, 100 - failed)


def not_seen(report: Report) -> int | None:
    """How many backups were not seen; None where something was not seen and nobody knows how much."""
    missing = 0
    for target in report.coverage:
        if target.complete:
            continue
        known = max(target.unreadable, (target.reported_count or 0) - target.listed)
        if known <= 0:
            return None
        missing += known
    return missing


_FILTERS: dict[str, Callable[..., Any]] = {
    "by_resource": by_resource,
    "clip": clip,
    "kind": kind,
    "kind_of": kind_of,
    "local": local,
    "not_seen": not_seen,
    "number": number,
    "pad": pad,
    "plural": plural,
    "shares": shares,
    "utc": utc,
    "wrap": lambda text, *args, **options: Markup(wrap(str(text), *args, **options)),  # noqa: S704  # wrap cleans it
}
