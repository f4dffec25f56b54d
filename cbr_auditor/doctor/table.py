"""What was found, as a person reads it on a terminal; coloured only there."""

import os
import shutil
import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import TextIO

from cbr_auditor.doctor.check import Check, State
from cbr_auditor.doctor.examination import Examination
from cbr_auditor.doctor.machine import AREA
from cbr_auditor.text import one_line

_WORDS = {"ok": "ok", "warn": "warn", "fail": "FAIL", "skip": "-"}
_COLOURS = {"ok": "32", "warn": "33", "fail": "31;1", "skip": "2"}
_NAME = 18  # columns
_INDENT = 2 + 6 + _NAME + 1
_WIDEST = 100


def print_examination(found: Examination, stream: TextIO, *, verbose: bool) -> None:
    """A table with the mend below each failure, and one sentence in the end."""
    colour = stream.isatty() and "NO_COLOR" not in os.environ
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    for line in _lines(found, colour=colour, width=width, verbose=verbose):
        print(line, file=stream)


def _lines(found: Examination, *, colour: bool, width: int, verbose: bool) -> Iterator[str]:
    for area, checks in groupby(found.checks, lambda check: check.area):
        yield _paint(one_line(area[:1].upper() + area[1:], width), "1", colour)
        for check in checks:
            yield from _rows(check, colour=colour, width=width)
        if area == AREA and verbose:
            yield from (f"        {library.name:18} {library.version:12} {library.file}" for library in found.libraries)
        yield ""
    states = [check.state for check in found.checks]
    failed, warned = states.count("fail"), states.count("warn")
    yield _paint(_sum(states), _COLOURS["fail" if failed else "warn" if warned else "ok"], colour)


def _sum(states: list[State]) -> str:
    failed, warned, skipped = states.count("fail"), states.count("warn"), states.count("skip")
    if failed:
        said = f"{failed} of {len(states)} checks failed."
    elif warned:
        said = "Everything that is needed works."
    elif skipped:
        return f"All that was tried works; {skipped} check{' was' if skipped == 1 else 's were'} not tried."
    else:
        said = f"All {len(states)} checks passed."
    return f"{said} {warned} warning{'s' if warned > 1 else ''}." if warned else said


def _rows(check: Check, *, colour: bool, width: int) -> Iterator[str]:
    word = _paint(f"{_WORDS[check.state]:<5}", _COLOURS[check.state], colour)
    text = _wrapped(one_line(check.detail, 1000), width)
    yield f"  {word} {check.name:<{_NAME}} {text[0] if text else ''}".rstrip()
    yield from (" " * _INDENT + line for line in text[1:])
    if check.mend:
        for number, line in enumerate(_wrapped(one_line(check.mend, 1000), width - 2)):
            yield " " * _INDENT + _paint(("> " if number == 0 else "  ") + line, "1", colour)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(30, width - _INDENT), break_on_hyphens=False)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if colour else text
