"""Findings as lines of findings.csv and items of report.json: rows by the thousand, whole findings with care."""

import csv
import io
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from cbr_auditor.finding import Finding
from cbr_auditor.row import FORMULA_STARTS, Record, Series
from cbr_auditor.text import one_line

COLUMNS = Finding.__struct_fields__

_FORMULA = frozenset(FORMULA_STARTS)
_SUSPECT = re.compile(f'[,;]"?[{FORMULA_STARTS}]')
_INNER = re.compile(f"(?<=;)(?=[{FORMULA_STARTS}])")  # a spreadsheet set to a German locale parts cells there
_LONGEST_CELL = 32_000  # Excel takes 32,767 characters
_encode = msgspec.json.Encoder().encode


class _Shared(NamedTuple):
    """What the lines of a series share, ready to be written."""

    noun: str
    cells: str
    """From the id to the backup's."""
    members: str
    message: str
    """Empty where each row has its own."""
    hashed: bytes
    """What the ids of all its findings are the hash of, but for the subject."""


class FindingLines:
    """Turns what a spool kept into lines. A row is plain (see row.py): its parts can stand in a line as they are."""

    def __init__(self, series: Sequence[Series], *, with_items: bool = True) -> None:
        self._series = series
        self._with_items = with_items
        self._shared: dict[int, _Shared] = {}

    def both(self, records: list[Record]) -> tuple[str, str]:
        """Lines of the table, and items of the JSON list with commas between them, where these are wanted."""
        cells, items = [], []
        with_items = self._with_items
        last, noun, front, members, told, cell, hashed = -1, "", "", "", "", "", b""
        for _, _, ident, _, number, row in records:
            if isinstance(row, Finding):
                cells.append(csv_line(row))
                if with_items:
                    items.append(_encode(row).decode())
                continue
            if number != last:
                last, (noun, front, members, told, hashed) = number, self._shared.get(number) or self._prepare(number)
                cell = f'"{told}"' if "," in told else told
            name, resource_id, resource_name, resource_type, vault_id, since, message = row.split("\n")
            if not told:
                cell = f'"{message}"' if "," in message else message
            finding_hash = sha256(hashed + ident.encode()).hexdigest()
            cells.append(
                f"sha256:{finding_hash}{front}{ident},{name},{resource_id},{resource_name},{resource_type},"
                f"{vault_id},{cell},{since},backup,{ident},{name},\r\n"
                if noun == "backup"
                else f"sha256:{finding_hash}{front},,{resource_id},{resource_name},{resource_type},"
                f"{vault_id},{cell},{since},{noun},{ident},{name},\r\n"
            )
            if not with_items:
                continue
            backup = f'"{ident}","backup_name":"{name}"' if noun == "backup" else 'null,"backup_name":null'
            began = f'"{since}"' if since else "null"
            items.append(
                f'{{"id":"sha256:{finding_hash}"{members}{backup},'
                f'"resource_id":"{resource_id}","resource_name":"{resource_name}","resource_type":"{resource_type}",'
                f'"vault_id":"{vault_id}","message":"{told or message}","since":{began},"subject":"{noun}",'
                f'"subject_id":"{ident}","subject_name":"{name}","waiver":null}}'
            )
        return "".join(cells), ",\n".join(items)

    def _prepare(self, number: int) -> _Shared:
        series = self._series[number]
        before = {
            "rule": series.rule,
            "severity": series.severity.value,
            "outcome": series.outcome,
            "project_id": series.project_id,
            "region": series.region,
        }
        shared = self._shared[number] = _Shared(
            series.noun,
            f",{','.join(value or '' for value in before.values())},",
            f',{_encode(before).decode()[1:-1]},"backup_id":',
            series.message,
            f"{series.rule}\n{series.project_id}\n".encode(),
        )
        return shared


def csv_line(finding: Finding) -> str:
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
        and line.count(",") == len(COLUMNS) - 1 + commas
        and line.count('"') == (2 if commas else 0)
        and not _may_be_formula(line)
    ):
        return line + "\r\n"
    values = {name: getattr(finding, name) for name in COLUMNS}
    values |= {"severity": finding.severity.value, "since": None, "waiver": _accepted(finding)}
    return quoted([since if name == "since" else _cell(value) for name, value in values.items()])


def _may_be_formula(line: str) -> bool:
    """Whether a cell of the line may begin as a formula does; the usual line, in ASCII, is told without a pattern."""
    if line.isascii() and "=" not in line and "+" not in line and "@" not in line:
        return ",-" in line or (";" in line and ";-" in line) or ('"' in line and '"-' in line)
    return _SUSPECT.search(line) is not None


def _accepted(finding: Finding) -> str:
    """Why a finding is waived, by whom and until when, as one text; empty where it is not."""
    waiver = finding.waiver
    return f"{waiver.reason} ({waiver.owner}, until {waiver.expires})" if waiver else ""


def quoted(cells: Sequence[str]) -> str:
    """Cells as a line of CSV."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _cell(value: str | None) -> str:
    """One cell: on one line, without control characters, and nothing that a spreadsheet would run."""
    if value is None:
        return ""
    text = _INNER.sub("'", one_line(value, _LONGEST_CELL))
    return f"'{text}" if text[:1] in _FORMULA else text
