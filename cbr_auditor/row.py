"""The row of a finding about a backup or a resource: what it does not share with the others of its series, as text.

A plain row holds no character that JSON escapes or that does not print, nothing that a spreadsheet takes for a formula,
and no comma but in its message, which stands last. `rows_of` proves this of all the rows of a page at once; a finding
that it cannot be proved of is kept whole, and written with care. Who writes rows need not look.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from cbr_auditor.cbr.records import Backup, ListedBackup
from cbr_auditor.finding import Finding, finding_id, time_of
from cbr_auditor.resource import Resource
from cbr_auditor.rule import Severity
from cbr_auditor.subject import identify

FORMULA_STARTS = "=+@\t\r\uff1d\uff0b\uff0d\uff20-"
"""What a spreadsheet takes for the start of a formula; four of them are full-width."""

Record = tuple[float, str, str, int, int, str | Finding]
"""A finding as it is sorted: time, project, subject, number of arrival. Then the number of its series, and its row.

A finding without a row stands there itself; it has no series (-1).
"""

_BREAKS = 6  # line breaks in a row, between its seven parts
_LONGEST = 8_000  # of a row and of an id: far below the longest cell, even where a line holds an id three times
_TELLING = tuple("=+@;\uff1d\uff0b\uff0d\uff20")  # seldom seen, unlike "-"
_MAY_BE_FORMULA = re.compile(f"(?:^|[\n;])[{FORMULA_STARTS}]")  # a spreadsheet set to a German locale parts cells at ;
_encode_json = msgspec.json.Encoder().encode


class Series(msgspec.Struct, gc=False):
    """What the findings of one rule, outcome and project share: the message too, unless there are many of them."""

    number: int
    group: tuple[int, bool]
    """Where all of them stand: rule (worst first), outcome (failures first)."""
    rule: str
    severity: Severity
    outcome: str
    project_id: str
    region: str | None
    noun: str
    """What they are about: `backup` or `resource`."""
    message: str
    """Empty where each row has its own."""
    recent: list[Record]
    """Where the spool keeps those in memory, among others of the group."""

    @property
    def is_plain(self) -> bool:
        """Whether what is shared may stand beside plain rows."""
        shared = f"{self.rule}\n{self.project_id}\n{self.region or ''}"
        return "," not in shared and _prints_as_it_is(shared, 2) and _prints_as_it_is(self.message, 0)


def rows_of(
    subjects: Sequence[Backup | ListedBackup | Resource], sinces: Iterable[str], message: str
) -> list[str] | None:
    """The rows of findings about these subjects, all of one kind.

    None where one of them is not plain, or shows less than a row needs. `sinces` are times as report.json shows them,
    or empty.
    """
    shown: Sequence[Any] = [identify(each) for each in subjects] if isinstance(subjects[0], Resource) else subjects
    try:
        rows = [
            "\n".join(  # noqa: FLY002  # an f-string would write None where this raises
                (
                    each.name,
                    each.resource_id,
                    each.resource_name,
                    each.resource_type,
                    each.vault_id,
                    since,
                    message,
                )
            )
            for each, since in zip(shown, sinces, strict=True)
        ]
    except TypeError:
        return None
    idents = [each.id for each in shown]
    if max(map(len, idents)) > _LONGEST or max(map(len, rows)) > _LONGEST:
        return None
    text = "\n".join((*idents, *rows))
    if "," in text and text.count(",") > message.count(",") * len(rows):
        return None
    return rows if _prints_as_it_is(text, (_BREAKS + 2) * len(rows) - 1) else None


def finding_of(series: Series, ident: str, row: str) -> Finding:
    """The finding that a row stands for."""
    name, resource_id, resource_name, resource_type, vault_id, since, message = row.split("\n")
    is_backup = series.noun == "backup"
    return Finding(
        finding_id(series.rule, series.project_id, ident),
        series.rule,
        series.severity,
        series.outcome,
        series.project_id,
        series.region,
        ident if is_backup else None,
        name if is_backup else None,
        resource_id,
        resource_name,
        resource_type,
        vault_id,
        series.message or message,
        time_of(since) if since else None,
        series.noun,
        ident,
        name,
    )


def _prints_as_it_is(text: str, breaks: int) -> bool:
    """Whether a text that has so many line breaks has no other, nothing to escape in JSON, no cell to defuse."""
    if text.isascii():
        # Each character that JSON escapes, line breaks among them, makes it longer: much faster than to look at each.
        if len(_encode_json(text)) != len(text) + breaks + 2 or "\x7f" in text:
            return False
    elif text.count("\n") != breaks or '"' in text or "\\" in text or not text.replace("\n", "").isprintable():
        return False
    # From the right a text is searched for line breaks, not for "-", which ids are full of: three times faster.
    if text.rfind("\n-") >= 0 or text.startswith("-") or any(char in text for char in _TELLING):
        return _MAY_BE_FORMULA.search(text) is None
    return True
