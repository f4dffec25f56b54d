import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.columns import columns, pad, wrap
from cbr_auditor.text import one_line


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("abc", 3), ("äöü", 3), ("文件", 4), ("🧨", 2), ("\uff21", 2), ("a文b", 4)]
)
def test_wide_characters_take_two_columns(text: str, width: int) -> None:
    assert columns(text) == width
    assert columns(pad(text, 10)) == 10


def test_text_is_wrapped_with_a_hanging_indent() -> None:
    assert wrap("one two three four five", "- ", width=10) == "- one two\n  three\n  four\n  five"


def test_an_id_that_is_too_long_stands_whole_on_a_line_of_its_own() -> None:
    ident = "x" * 90
    assert wrap(f"in vault {ident} of prod", "  ") == f"  in vault\n  {ident}\n  of prod"


def test_an_id_that_does_not_fit_behind_its_label_goes_to_the_next_line() -> None:
    assert wrap("x" * 70, "Vault:  ") == f"Vault:\n{' ' * 8}{'x' * 70}"
    assert wrap("x" * 70, "  - ") == f"  - {'x' * 70}"


def test_a_long_word_of_wide_characters_is_broken_and_nothing_of_it_lost() -> None:
    lines = wrap("名" * 100, "- ").splitlines()
    assert [columns(line) for line in lines] == [72, 72, 62]
    assert "".join(line[2:] for line in lines) == "名" * 100


def test_nothing_makes_one_empty_line_after_its_lead() -> None:
    assert (wrap(""), wrap("", "- ")) == ("", "-")


@given(text=st.text(max_size=400), lead=st.sampled_from(["", "- ", " " * 30]))
def test_every_line_fits_or_is_one_word_and_no_word_is_lost(text: str, lead: str) -> None:
    wrapped = wrap(text, lead)
    clean = one_line(text, 2000)
    assert "".join(wrapped[len(lead) :].split()) == "".join(clean.split())
    for line in wrapped.splitlines():
        assert columns(line) <= 72 or (len(line.removeprefix("- ").split()) == 1 and not _has_wide(line))
        assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in line)


def _has_wide(text: str) -> bool:
    return any(unicodedata.east_asian_width(char) in {"W", "F"} for char in text)
