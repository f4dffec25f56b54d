from typing import Any

import pytest

from cbr_auditor.deploy.variables import resolve
from cbr_auditor.errors import SettingsError

ENVIRON = {"REGION": "eu-de", "EMPTY": "", "TRICK": "${env:REGION}"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${env:REGION}", "eu-de"),
        ("${env:REGION, 'eu-nl'}", "eu-de"),
        ("${env:NOBODY, 'eu-nl'}", "eu-nl"),
        ('${env:NOBODY, "eu-nl"}', "eu-nl"),
        ("${env:NOBODY, ''}", ""),
        ("${env:NOBODY, 256}", 256),
        ("${env:NOBODY, false}", False),
        ("${env:NOBODY, null}", None),
        ("${env:EMPTY, 'x'}", ""),
        ("a-${env:REGION}-${env:NOBODY, 'b'}", "a-eu-de-b"),
        ("${ env:REGION }", "eu-de"),
        ("${env:TRICK}", "${env:REGION}"),  # what a variable holds is no reference
        (7, 7),
    ],
)
def test_a_reference_is_replaced_as_serverless_does(text: Any, value: Any) -> None:
    assert resolve({"key": [text]}, ENVIRON, "f, ") == {"key": [value]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("${opt:stage, 'dev'}", "${opt:stage, 'dev'} is not understood"),
        ("${file(./x.yml)}", "is not understood"),
        ("${self:provider.region}", "is not understood"),
        ("${env:NOBODY, ${env:REGION}}", "is not understood"),
        ("a ${env:REGION", "is not understood"),
        ("${env:NOBODY, eu-nl}", "is not understood"),
        ("${env:NOBODY}", "the variable NOBODY is not set"),
    ],
)
def test_any_other_is_refused_by_its_place(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        resolve({"provider": {"region": text}}, ENVIRON, "serverless.yml, ")
    assert str(refused.value).startswith("serverless.yml, provider.region: ")
    assert says in str(refused.value)
