"""report.json and findings.csv, written in one pass over the findings, however many there are."""

import contextlib
import functools
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from cbr_auditor.finding import Finding
from cbr_auditor.finding_lines import COLUMNS, FindingLines, quoted
from cbr_auditor.report import AcceptedGroup, Delivery, Report, RuleGroup, RuleResult
from cbr_auditor.spool import WAIVED, FindingSpool

_WAIVED = b'\n],\n"waived": ['
_COPIED_AT_ONCE = 2**20  # bytes
_MOST_SHOWN = 50
_MOST_UNDECIDED = 10


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


def write_findings(findings: FindingSpool, table: Path, listing: Path | None = None) -> Heads:
    """Write every finding to `table`, as CSV in UTF-8 with BOM, and give back the most important ones.

    `listing`, where it is given, gets them as the items of a JSON list, for `ReportFolder`: a million findings are
    read once from where they were spooled. Behind the last of them come the waived ones, as a list of their own.
    """
    heads = Heads()
    lines = FindingLines(findings.series, with_items=listing is not None)
    with contextlib.ExitStack() as stack:
        csv_file = stack.enter_context(table.open("wb"))
        json_file = stack.enter_context(listing.open("wb")) if listing else None
        csv_file.write(("\ufeff" + quoted(COLUMNS)).encode())
        group, seen, separator, waived = (-1, False), 0, b"\n", False
        for name, records in findings.parts():
            if name != group:
                group, seen = name, 0
            for record in records[: max(0, _MOST_SHOWN - seen)]:
                heads.add(findings.finding(record))
            seen += len(records)
            cells, items = lines.both(records)
            csv_file.write(cells.encode())
            if json_file is not None:
                if name[0] >= WAIVED and not waived:
                    json_file.write(_WAIVED)
                    separator, waived = b"\n", True
                json_file.write(separator)
                json_file.write(items.encode())
                separator = b",\n"
        if json_file is not None and not waived:
            json_file.write(_WAIVED)
    return heads


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


def _link_or_copy(source: Path, path: Path) -> None:
    """Give a finished file a second name, which takes no space; across file systems that cannot be."""
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)


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
        self._place("findings.csv", functools.partial(_link_or_copy, table))
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
