"""What does not stay in memory: findings in their order, and backups that are judged once the listing has ended."""

import heapq
import threading
import zlib
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec

from cbr_auditor.cbr.records import Backup
from cbr_auditor.finding import Finding

T = TypeVar("T")

Order = tuple[int, bool, float, str, str]
"""Rule (worst first), outcome (failures first), time, project, backup: the order of report.json and findings.csv."""

Waiting = tuple[int, int, Backup]
"""The rules that must be asked again and what they need, as bit masks, and the backup."""

_RUN = 4_000  # findings that are sorted in memory at once
_PLAIN_RUNS = 24  # of these, which are not compressed: about 65 MB, for /tmp has 512 in the function
_BLOCK = 100  # records that are read back at once


class _Blocks(Generic[T]):
    """An append-only file of blocks, each a list of records of one type, compressed where they are `packed`."""

    def __init__(self, path: Path, kind: Any, *, packed: bool) -> None:
        self._path = path
        self._packed = packed
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[list[T]] = msgspec.msgpack.Decoder(list[kind])

    def append(self, records: list[T], file: BinaryIO) -> None:
        for start in range(0, len(records), _BLOCK):
            block = self._encoder.encode(records[start : start + _BLOCK])
            block = zlib.compress(block, 1) if self._packed else block
            file.write(len(block).to_bytes(4, "big"))
            file.write(block)

    def open(self, mode: str) -> BinaryIO:
        return self._path.open(mode + "b")  # type: ignore[return-value]  # a mode with b gives a binary file

    def __iter__(self) -> Iterator[T]:
        with self.open("r") as file:
            while size := file.read(4):
                block = file.read(int.from_bytes(size, "big"))
                yield from self._decoder.decode(zlib.decompress(block) if self._packed else block)


class FindingSpool:
    """Takes findings in any order and gives them back sorted; only some thousands are in memory at a time."""

    def __init__(self, folder: Path, run: int = _RUN) -> None:
        self._folder = folder
        self._run = run
        self._recent: list[tuple[Order, Finding]] = []
        self._lock = threading.Lock()
        self._runs: list[_Blocks[tuple[Order, Finding]]] = []

    def add(self, order: Order, finding: Finding) -> None:
        """Keep one finding; `order` says where it will stand. May be called from several threads."""
        with self._lock:
            self._recent.append((order, finding))
            if len(self._recent) >= self._run:
                self._flush()

    def __iter__(self) -> Iterator[Finding]:
        """Every finding, in order. May be read again."""
        self._recent.sort(key=itemgetter(0))
        for _, finding in heapq.merge(*self._runs, self._recent, key=itemgetter(0)):
            yield finding

    def _flush(self) -> None:
        self._recent.sort(key=itemgetter(0))
        run: _Blocks[tuple[Order, Finding]] = _Blocks(
            self._folder / f"findings-{len(self._runs)}", tuple[Order, Finding], packed=len(self._runs) >= _PLAIN_RUNS
        )
        with run.open("w") as file:
            run.append(self._recent, file)
        self._runs.append(run)
        self._recent.clear()


class BackupSpool:
    """Backups that wait for the end of the listing, each with the rules that wait for it."""

    def __init__(self, path: Path) -> None:
        self._blocks: _Blocks[Waiting] = _Blocks(path, Waiting, packed=True)
        self._file: BinaryIO | None = None
        self._recent: list[Waiting] = []

    def add(self, waiting: Waiting) -> None:
        """Keep one backup for later."""
        self._recent.append(waiting)
        if len(self._recent) >= _BLOCK:
            self._file = self._file or self._blocks.open("w")
            self._blocks.append(self._recent, self._file)
            self._recent.clear()

    def drain(self) -> Iterator[Waiting]:
        """Everything that was kept, in the order in which it came."""
        if self._file is not None:
            self._file.close()
            yield from self._blocks
        yield from self._recent
