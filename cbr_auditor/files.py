"""report.json and findings.csv, written in one pass over the findings, however many there are."""

import contextlib
import functools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from cbr_auditor.finding import Finding
from cbr_auditor.finding_lines import COLUMNS, FindingLines, quoted
from cbr_auditor.report import AcceptedGroup, Delivery, Report, RuleGroup, RuleResult
from cbr_auditor.spool import WAIVED, FindingSpool

_WAIVED = b'\n],\n"waived": ['
_MOST_SHOWN = 50
_MOST_UNDECIDED = 10


class SupportsWrite(Protocol):
    """What takes bytes, as files do."""

    def write(self, data: bytes, /) -> object:
        """Take them."""


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


def write_findings(findings: FindingSpool, table: Path, listing: SupportsWrite | None = None) -> Heads:
    """Write every finding to `table`, as CSV in UTF-8 with BOM, and give back the most important ones.

    `listing`, where it is given, gets them as the items of a JSON list: a million findings are read once from where
    they were spooled. Behind the last of them come the waived ones, as a list of their own.
    """
    heads = Heads()
    lines = FindingLines(findings.series, with_items=listing is not None)
    with table.open("wb") as csv_file:
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
            if listing is not None:
                if name[0] >= WAIVED and not waived:
                    listing.write(_WAIVED)
                    separator, waived = b"\n", True
                listing.write(separator)
                listing.write(items.encode())
                separator = b",\n"
        if listing is not None and not waived:
            listing.write(_WAIVED)
    return heads


class JsonFile:
    """report.json: what is known before the findings are written, these as they come, and what follows.

    It is whole before anything is delivered, and then told what became of the deliveries: so a run that is killed while
    it delivers leaves a complete report behind. Where it cannot be written `problem` says why, and nothing is raised.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "report.json"
        self.problem: OSError | None = None
        self._partial = folder / ".report.json.partial"
        self._file: BinaryIO | None = None
        self._tail = 0

    def begin(self, report: Report) -> None:
        """Write what stands before the findings; an older report does not stay in its place."""
        with self._noticing():
            self.path.unlink(missing_ok=True)
            self._file = self._partial.open("wb")
        self.write(b"{\n" + _members(report, behind=False) + b',\n"findings": [')

    def write(self, data: bytes) -> None:
        """Write more of the findings."""
        if self._file is not None:
            with self._noticing():
                self._file.write(data)

    def end(self, report: Report) -> bool:
        """Write what stands behind the findings and give the file its name; gives whether all of it was written."""
        self.write(b"\n],\n" + _members(report, behind=True))
        if self._file is not None:
            with self._noticing():
                self._tail = self._file.tell()
                self._file.write(_last(report.deliveries))
                self._file.close()
                self._partial.replace(self.path)
                self._file = None
                return True
        return False

    def add_deliveries(self, deliveries: list[Delivery]) -> None:
        """Replace the last key in the file."""
        with self._noticing(), self.path.open("r+b") as file:
            file.seek(self._tail)
            file.write(_last(deliveries))
            file.truncate()

    def give_up(self) -> None:
        """Leave nothing behind that is not whole; nothing is done where it is."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                self._partial.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # what is still to be written finds no space either
                file.close()

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            self.problem = problem
            self.give_up()


def _members(report: Report, *, behind: bool) -> bytes:
    """The keys of report.json that stand before the findings, or behind them."""
    document = report.document()
    del document["deliveries"]
    keys = list(document)
    first = keys.index("rules")
    return b",\n".join(_member(key, document[key]) for key in (keys[first:] if behind else keys[:first]))


def _last(deliveries: list[Delivery]) -> bytes:
    return b",\n" + _member("deliveries", deliveries) + b"\n}\n"


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
        self.json = JsonFile(folder)
        self._folder = folder
        self._failed: Delivery | None = None

    def write(self, report: Report, table: Path, html: str, text: str, controls: str) -> None:
        """Write what is left of report.json, findings.csv, and what people read; no file keeps another from that."""
        if self.json.end(report):
            self.written.append(self.json.path)
        elif self.json.problem is not None:
            self._fail(self.json.path, self.json.problem)
        self._place("findings.csv", functools.partial(_link_or_copy, table))
        for name, content in (("report.html", html), ("report.txt", text), ("controls.html", controls)):
            self._place(name, functools.partial(_write_text, content))

    def add(self, formats: Mapping[str, Callable[[Path], None]]) -> None:
        """Write further files, given what writes each by its name."""
        for name, write in formats.items():
            self._place(name, write)

    def finish(self, report: Report) -> None:
        """Put into report.json what became of the deliveries, and into the report what became of the files."""
        if self.json.path in self.written:
            self.json.add_deliveries(report.deliveries)
        if self.json.problem is not None:
            self._fail(self.json.path, self.json.problem)
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
