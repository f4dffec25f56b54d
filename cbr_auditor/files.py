"""report.json and findings.csv, written in one pass over the findings, however many there are."""

import contextlib
import csv
import functools
import io
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import msgspec

from cbr_auditor.finding import Finding
from cbr_auditor.report import AcceptedGroup, Delivery, Report, RuleGroup, RuleResult
from cbr_auditor.text import one_line

_COLUMNS = Finding.__struct_fields__
_FORMULA_STARTS = "=+@\t\r\uff1d\uff0b\uff0d\uff20-"  # four of them are full-width
_FORMULA = frozenset(_FORMULA_STARTS)
_SUSPECT = re.compile(f'[,;]"?[{_FORMULA_STARTS}]')
_INNER = re.compile(f"(?<=;)(?=[{_FORMULA_STARTS}])")  # a spreadsheet set to a German locale parts cells there
_WAIVED = b'\n],\n"waived": ['
_AT_ONCE = 500  # findings that are written at once
_COPIED_AT_ONCE = 2**20  # bytes
_MOST_SHOWN = 50
_MOST_UNDECIDED = 10
_LONGEST_CELL = 32_000  # Excel takes 32,767 characters


class Heads(msgspec.Struct):
    """The most important findings: what people and chats are shown."""

    failed: dict[str, list[Finding]] = {}
    unknown: dict[str, list[Finding]] = {}
    waived: dict[str, list[Finding]] = {}
    top: list[Finding] = []
    """The first failures over all rules, worst first."""

    def add(self, finding: Finding) -> None:
        """Take a finding into account; they come worst first."""
        if finding.waiver is not None:
            shown = self.waived.setdefault(finding.rule, [])
            if len(shown) < _MOST_UNDECIDED:
                shown.append(finding)
            return
        failed = finding.outcome == "fail"
        shown = (self.failed if failed else self.unknown).setdefault(finding.rule, [])
        if len(shown) < (_MOST_SHOWN if failed else _MOST_UNDECIDED):
            shown.append(finding)
        if failed and len(self.top) < _MOST_SHOWN:
            self.top.append(finding)

    def groups(self, rules: list[RuleResult]) -> list[RuleGroup]:
        """The rules that have something to show."""
        return [
            RuleGroup(rule, self.failed.get(rule.id, []), self.unknown.get(rule.id, []))
            for rule in rules
            if rule.failed or rule.unknown or rule.errors
        ]

    def accepted(self, rules: list[RuleResult]) -> list[AcceptedGroup]:
        """The rules that have waived findings."""
        return [AcceptedGroup(rule, self.waived[rule.id]) for rule in rules if rule.id in self.waived]


def write_findings(findings: Iterable[Finding], table: Path, listing: Path | None = None) -> Heads:
    """Write every finding to `table`, as CSV in UTF-8 with BOM, and give back the most important ones.

    `listing`, where it is given, gets them as the items of a JSON list, for `ReportFolder`: a million findings are
    read once from where they were spooled. Behind the last of them come the waived ones, as a list of their own.
    """
    heads = Heads()
    encode = msgspec.json.Encoder().encode
    with contextlib.ExitStack() as stack:
        csv_file = stack.enter_context(table.open("w", encoding="utf-8", newline=""))
        json_file = stack.enter_context(listing.open("wb")) if listing else None
        csv_file.write("\ufeff" + _quoted(_COLUMNS))
        separator, waived = b"\n", False
        for is_waived, group in groupby(findings, key=_is_waived):
            if is_waived and json_file is not None:
                json_file.write(_WAIVED)
                separator, waived = b"\n", True
            while block := list(islice(group, _AT_ONCE)):
                for finding in block:
                    heads.add(finding)
                csv_file.write("".join([_line(finding) for finding in block]))
                if json_file is not None:
                    json_file.write(separator + b",\n".join([encode(finding) for finding in block]))
                    separator = b",\n"
        if json_file is not None and not waived:
            json_file.write(_WAIVED)
    return heads


def _is_waived(finding: Finding) -> bool:
    return finding.waiver is not None


def _line(finding: Finding) -> str:
    """A finding as a line of the table.

    Nearly always nothing has to be quoted or mended: the whole line tells, and the slow way is not taken.
    """
    since = "" if finding.since is None else msgspec.to_builtins(finding.since)
    message = finding.message
    commas = message.count(",")
    if commas:
        message = f'"{message}"'
    line = (
        f"{finding.id},{finding.rule},{finding.severity.value},{finding.outcome},"
        f"{finding.project_id},{finding.region or ''},{finding.backup_id or ''},{finding.backup_name or ''},"
        f"{finding.resource_id or ''},{finding.resource_name or ''},{finding.resource_type or ''},"
        f"{finding.vault_id or ''},{message},{since},"
        f"{finding.subject},{finding.subject_id or ''},{finding.subject_name or ''},{_accepted(finding)}"
    )
    if (
        len(line) < _LONGEST_CELL
        and line.isprintable()
        and line.count(",") == len(_COLUMNS) - 1 + commas
        and line.count('"') == (2 if commas else 0)
        and not _may_be_formula(line)
    ):
        return line + "\r\n"
    values = {name: getattr(finding, name) for name in _COLUMNS}
    values |= {"severity": finding.severity.value, "since": None, "waiver": _accepted(finding)}
    return _quoted([since if name == "since" else _cell(value) for name, value in values.items()])


def _may_be_formula(line: str) -> bool:
    """Whether a cell of the line may begin as a formula does; the usual line, in ASCII, is told without a pattern."""
    if line.isascii() and "=" not in line and "+" not in line and "@" not in line:
        return ",-" in line or (";" in line and ";-" in line) or ('"' in line and '"-' in line)
    return _SUSPECT.search(line) is not None


def _accepted(finding: Finding) -> str:
    """Why a finding is waived, by whom and until when, as one text; empty where it is not."""
    waiver = finding.waiver
    return f"{waiver.reason} ({waiver.owner}, until {waiver.expires})" if waiver else ""


def _quoted(cells: Sequence[str]) -> str:
    quoted = io.StringIO(newline="")
    csv.writer(quoted, lineterminator="\r\n").writerow(cells)
    return quoted.getvalue()


def _cell(value: str | None) -> str:
    """One cell: on one line, without control characters, and nothing that a spreadsheet would run."""
    if value is None:
        return ""
    text = _INNER.sub("'", one_line(value, _LONGEST_CELL))
    return f"'{text}" if text[:1] in _FORMULA else text


class JsonFile:
    """report.json: written whole before anything is delivered, then given what became of the deliveries.

    So a run that is killed while it delivers leaves a complete report behind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tail = 0

    def write(self, report: Report, listing: Path) -> None:
        """Write the report with the findings of `listing`."""
        document = report.document()
        deliveries = document.pop("deliveries")
        with self._path.open("wb") as file:
            separator = b"{\n"
            for key, value in document.items():
                if key == "rules":
                    file.write(b',\n"findings": [')
                    with listing.open("rb") as items:
                        shutil.copyfileobj(items, file, _COPIED_AT_ONCE)
                    file.write(b"\n]")
                file.write(separator + _member(key, value))
                separator = b",\n"
            self._tail = file.tell()
            file.write(b",\n" + _member("deliveries", deliveries) + b"\n}\n")

    def add_deliveries(self, path: Path, deliveries: list[Delivery]) -> None:
        """Replace the last key in the file, which lies at `path` by now."""
        with path.open("r+b") as file:
            file.seek(self._tail)
            file.write(b",\n" + _member("deliveries", deliveries) + b"\n}\n")
            file.truncate()


def _member(key: str, value: Any) -> bytes:
    return b'"' + key.encode() + b'": ' + msgspec.json.encode(value)


def _write_text(content: str, path: Path) -> None:
    path.write_bytes(content.encode("utf-8", "replace"))


class ReportFolder:
    """The report's files in the operator's folder. One that cannot be written is a channel that failed."""

    def __init__(self, folder: Path) -> None:
        self.written: list[Path] = []
        self._folder = folder
        self._json: JsonFile | None = None
        self._failed: Delivery | None = None

    def write(self, report: Report, table: Path, listing: Path, html: str, text: str, controls: str) -> None:
        """Write report.json, findings.csv and what people read; no file keeps the others from being written."""

        def write_json(partial: Path) -> None:
            self._json = JsonFile(partial)
            self._json.write(report, listing)

        self._place("report.json", write_json)
        self._place("findings.csv", lambda partial: shutil.copyfile(table, partial))
        for name, content in (("report.html", html), ("report.txt", text), ("controls.html", controls)):
            self._place(name, functools.partial(_write_text, content))

    def add(self, formats: Mapping[str, Callable[[Path], None]]) -> None:
        """Write further files, given what writes each by its name."""
        for name, write in formats.items():
            self._place(name, write)

    def finish(self, report: Report) -> None:
        """Put into report.json what became of the deliveries, and into the report what became of the files."""
        path = self._folder / "report.json"
        if self._json is not None and path in self.written:
            try:
                self._json.add_deliveries(path, report.deliveries)
            except OSError as problem:
                self._fail(path, problem)
        if self._failed is not None:
            report.deliveries = [*report.deliveries, self._failed]

    def _place(self, name: str, write: Callable[[Path], object]) -> None:
        """Write a file that takes its name only when it is whole; an older one never stays in its place."""
        path, partial = self._folder / name, self._folder / f".{name}.partial"
        try:
            path.unlink(missing_ok=True)
            write(partial)
            partial.replace(path)
            self.written.append(path)
        except OSError as problem:
            self._fail(path, problem)
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def _fail(self, path: Path, problem: OSError) -> None:
        if self._failed is None:
            self._failed = Delivery(
                channel="files",
                target=str(self._folder),
                ok=False,
                detail=f"{path.name} could not be written: {problem.strerror or problem}. "
                "Check AUDITOR_OUT and its space.",
            )
