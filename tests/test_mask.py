import json
from urllib.parse import quote

import pytest

from cbr_auditor.mask import Mask

PASSWORD = "pa\"ss'w\\ord!"
HOOK = "https://hooks.slack.com/services/T0AB1/B0CD2/x9Yz8Wv7?sig=a%2Bb%3Dc12345&api-version=2016-06-01"


@pytest.mark.parametrize(
    "text",
    [
        f"the password is {PASSWORD}",
        json.dumps({"password": PASSWORD}),
        f"KeyError: {PASSWORD!r}",
        f"https://host/?password={quote(PASSWORD)}",
    ],
)
def test_a_secret_is_hidden_however_it_is_written(text: str) -> None:
    masked = Mask([PASSWORD]).text(text)
    assert "***" in masked
    assert "ord!" not in masked


@pytest.mark.parametrize(
    "text",
    [
        HOOK,
        "Max retries exceeded with url: /services/T0AB1/B0CD2/x9Yz8Wv7?sig=a%2Bb%3Dc12345",
        "POST /services/T0AB1/B0CD2/x9Yz8Wv7 HTTP/1.1",
        "the key x9Yz8Wv7 was refused, and so was a%2Bb%3Dc12345",
    ],
)
def test_the_telling_parts_of_an_address_are_hidden_too(text: str) -> None:
    masked = Mask([HOOK]).text(text)
    assert "x9Yz8Wv7" not in masked
    assert "c12345" not in masked


def test_the_plain_words_of_an_address_stay_readable() -> None:
    mask = Mask(["https://chat.example.com/hooks/webhook?version=2", "http://127.0.0.1:8080/"])
    assert mask.text("the webhook of 127.0.0.1, version 2") == "the webhook of 127.0.0.1, version 2"


def test_each_line_of_a_secret_of_several_lines_is_hidden() -> None:
    mask = Mask(["-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----\n"])
    assert mask.text("it holds MIIEvQIBADAN") == "it holds ***"


def test_a_secret_that_is_the_beginning_of_another_does_not_uncover_the_rest() -> None:
    assert Mask(["token", "token-of-2026"]).text("token-of-2026 token") == "*** ***"


def test_what_is_too_short_to_hide_does_not_garble_the_text() -> None:
    assert Mask(["a", "", "  "]).text("a banana") == "a banana"


def test_values_read_from_json_are_masked_in_depth_and_keep_their_kinds() -> None:
    mask = Mask(["hunter22"])
    assert mask.value({"a": ["hunter22", 1, None, True], "hunter22": {"b": "xhunter22x"}}) == {
        "a": ["***", 1, None, True],
        "***": {"b": "x***x"},
    }


def test_an_address_that_cannot_be_taken_apart_is_hidden_as_a_whole() -> None:
    assert Mask(["https://[broken/key"]).text("at https://[broken/key") == "at ***"


def test_without_secrets_nothing_changes() -> None:
    assert Mask([]).text("text") == "text"
