"""What does not stay in memory: findings in their order, and backups that are judged once the listing has ended."""

import heapq
import itertools
import threading
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import msgspec

from cbr_auditor.cbr.records import Backup, ListedBackup
from cbr_auditor.finding import Finding
from cbr_auditor.resource import Resource
from cbr_auditor.row import Record, Series, finding_of
from cbr_auditor.rule import Severity

Order = tuple[int, bool, float, str, str]
"""Rule (worst first), outcome (failures first), time, project, subject: the order of report.json and findings.csv."""

_Key = tuple[float, str, str, int]
"""What a group's records are sorted by."""

WAIVED = 1_000_000
"""What the place of a rule's waived findings is higher by: they stand behind those of all rules."""

Waiting = tuple[int, int, Backup]
"""The rules that must be asked again and what they need, as bit masks, and the backup."""

_Kept = tuple[bytes, int, Backup]
"""The same: MessagePack has no integer of more than 64 bits, and there may be more rules."""

PLAIN_WAITING = 40 * 2**20
"""Bytes of backups that wait, in all targets, which are not compressed either: the servers' of a million backups."""

_RUN = 5_000  # findings that are in memory at once, about 600 bytes each
_PLAIN = 80 * 2**20  # bytes of findings that are not compressed, for /tmp has 512 MB in the function
_BLOCK = 100  # records that are read back at once
_AHEAD = 8  # blocks that are read at least, before what was read is sorted
_AT_ONCE = 500  # findings that a reader gets at once


class _Group(msgspec.Struct):
    """The findings of one rule and outcome, in all projects."""

    recent: list[Record]
    """Those in memory, in any order."""
    runs: list[tuple[_Key, int]]
    """Those on disk, some thousands sorted at once: of each run the first record's key, and its offset in the file."""


class FindingSpool:
    """Takes findings in any order and gives them back sorted; only some thousands are in memory at a time.

    Several threads may add; who reads must be the only one.
    """

    def __init__(self, folder: Path, run: int = _RUN) -> None:
        self.series: list[Series] = []
        """By their numbers."""
        self._path = folder / "findings"
        self._run = run
        self._groups: dict[tuple[int, bool], _Group] = {}
        self._arrival = itertools.count(1)
        self._full_at = run
        """The number of arrival at which enough is in memory; a page may bring some more at once."""
        self._lock = threading.Lock()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(tuple[list[Record], _Key | None]).decode

    def begin(
        self,
        group: tuple[int, bool],
        rule: str,
        severity: Severity,
        outcome: str,
        project_id: str,
        region: str | None,
        noun: str,
        message: str,
    ) -> Series:
        """A new series, whose rows `add_rows` takes."""
        with self._lock:
            recent = self._groups.setdefault(group, _Group([], [])).recent
            series = Series(len(self.series), group, rule, severity, outcome, project_id, region, noun, message, recent)
            self.series.append(series)
        return series

    def add(self, order: Order, finding: Finding) -> None:
        """Keep one finding; `order` says where it will stand."""
        _, _, time, project_id, ident = order
        with self._lock:
            recent = self._groups.setdefault(order[:2], _Group([], [])).recent
        arrival = next(self._arrival)
        recent.append((time, project_id, ident, arrival, -1, finding))
        if arrival >= self._full_at:
            self._flush()

    def add_rows(
        self,
        series: Series,
        times: Iterable[float],
        subjects: Iterable[Backup | ListedBackup | Resource],
        rows: Iterable[str],
    ) -> None:
        """Keep the findings that these rows, which are plain, stand for; `times` say where each will stand."""
        number, project_id = series.number, series.project_id
        records: list[Record] = [
            (time, project_id, subject.id, arrival, number, row)
            for time, subject, row, arrival in zip(times, subjects, rows, self._arrival, strict=False)
        ]
        series.recent.extend(records)
        if records[-1][3] >= self._full_at:
            self._flush()

    def __iter__(self) -> Iterator[Finding]:
        """Every finding, in order. May be read again."""
        for _, records in self.parts():
            for record in records:
                yield self.finding(record)

    def finding(self, record: Record) -> Finding:
        """The finding that was kept as this record."""
        _, _, ident, _, number, row = record
        return row if isinstance(row, Finding) else finding_of(self.series[number], ident, row)

    def parts(self) -> Iterator[tuple[tuple[int, bool], list[Record]]]:
        """All of it in order, some hundreds of a rule and outcome at a time. May be read again."""
        on_disk = any(group.runs for group in self._groups.values())
        with self._path.open("rb") if on_disk else BytesIO() as file:
            for name, group in sorted(self._groups.items()):
                for records in self._merged(group, file):
                    for start in range(0, len(records), _AT_ONCE):
                        yield name, records[start : start + _AT_ONCE]

    def _flush(self) -> None:
        """Write the largest groups, until half is left: so what is sorted at once is long even where there are many.

        Others may add meanwhile, at the end of the lists: only what was written is taken off them.
        """
        with self._lock:
            groups = sorted(self._groups.values(), key=lambda group: len(group.recent), reverse=True)
            held, written = sum(len(group.recent) for group in groups), []
            with self._path.open("ab") as file:
                for group in groups:
                    if held <= self._run // 2:
                        break
                    records = group.recent[:]
                    held -= len(records)
                    written.append((group, len(records), self._written(sorted(records), file)))
            for group, count, run in written:  # not before: a disk that is full may say so when the file is closed
                group.runs.append(run)
                del group.recent[:count]
            self._full_at = next(self._arrival) + self._run - held

    def _written(self, records: list[Record], file: BinaryIO) -> tuple[_Key, int]:
        """Append a run of blocks, each with the key of the one behind it."""
        began = file.tell()
        for start in range(0, len(records), _BLOCK):
            rest = records[start + _BLOCK : start + _BLOCK + 1]
            block = self._encode((records[start : start + _BLOCK], rest[0][:4] if rest else None))
            _write_block(file, block, _PLAIN)
        return records[0][:4], began

    def _merged(self, group: _Group, file: BinaryIO) -> Iterator[list[Record]]:
        """The group's records in order. About two blocks for each run are in memory.

        A block is read when its first record may be the next. So of what was read, no more than a block of each run
        stays behind; as much is read again before all is sorted, which merges what is sorted already, in C.
        """
        runs = sorted(group.runs)
        waiting = sorted(group.recent)
        while runs:
            for _ in range(len(waiting) // _BLOCK + _AHEAD):
                if runs:
                    waiting += self._next_block(runs, file)
            waiting.sort()
            end = bisect_left(waiting, runs[0][0]) if runs else len(waiting)
            yield waiting[:end]
            del waiting[:end]
        yield waiting

    def _next_block(self, runs: list[tuple[_Key, int]], file: BinaryIO) -> list[Record]:
        """Read the block that comes first, off the heap of runs."""
        _, offset = runs[0]
        file.seek(offset)
        records, behind = self._decode(_read_block(file, _PLAIN))
        if behind is None:
            heapq.heappop(runs)
        else:
            heapq.heapreplace(runs, (behind, file.tell()))
        return records


class BackupSpool:
    """Backups that wait for the end of the listing, each with the rules that wait for it.

    What lies behind `plain` bytes is compressed.
    """

    def __init__(self, path: Path, plain: int = PLAIN_WAITING) -> None:
        self._path = path
        self._plain = plain
        self._file: BinaryIO | None = None
        self._recent: list[_Kept] = []
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[_Kept]).decode

    def add(self, waiting: Waiting) -> None:
        """Keep one backup for later."""
        rules, needs, backup = waiting
        self._recent.append((rules.to_bytes(rules.bit_length() // 8 + 1, "big"), needs, backup))
        if len(self._recent) >= _BLOCK:
            self._file = self._file or self._path.open("wb")
            _write_block(self._file, self._encode(self._recent), self._plain)
            self._recent.clear()

    def drain(self) -> Iterator[Waiting]:
        """Everything that was kept, in the order in which it came."""
        for rules, needs, backup in itertools.chain(self._on_disk(), self._recent):
            yield int.from_bytes(rules, "big"), needs, backup

    def _on_disk(self) -> Iterator[_Kept]:
        if self._file is None:
            return
        self._file.close()
        with self._path.open("rb") as file:
            while block := _read_block(file, self._plain):
                yield from self._decode(block)


def _write_block(file: BinaryIO, block: bytes, plain: int) -> None:
    """Append a block with its length; one that begins behind `plain` bytes is compressed."""
    block = zlib.compress(block, 1) if file.tell() >= plain else block
    file.write(len(block).to_bytes(4, "big"))
    file.write(block)


def _read_block(file: BinaryIO, plain: int) -> bytes:
    """The block that begins here; empty at the end of the file."""
    is_plain = file.tell() < plain
    block = file.read(int.from_bytes(file.read(4), "big"))
    return block if is_plain or not block else zlib.decompress(block)
