"""Every argument and block in deploy/terraform is one that the provider takes, and none that it needs is missing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.terraform.module import MODULES, PROVIDERS, Arguments, named, problems, read, resources
from tests.terraform.oracles import from_cdktf, from_documentation, from_pulumi, providers

OTC, HUAWEI = (resources(MODULES / name) for name in ("otc", "huaweicloud"))
OTC.pop(("terraform_data", "timer"))
HUAWEI.pop(("terraform_data", "timer"))


def ids(found: Mapping[tuple[str, str], object]) -> list[str]:
    return [".".join(key) for key in found]


@pytest.mark.slow
@pytest.mark.parametrize("key", OTC, ids=ids(OTC))
def test_open_telekom_clouds_provider_takes_every_argument(key: tuple[str, str]) -> None:
    assert list(problems(".".join(key), OTC[key], from_cdktf(key[0]))) == []


@pytest.mark.parametrize("key", HUAWEI, ids=ids(HUAWEI))
def test_huawei_clouds_provider_documents_every_argument(key: tuple[str, str]) -> None:
    assert list(problems(".".join(key), HUAWEI[key], from_documentation(key[0]))) == []


@pytest.mark.slow
def test_pulumis_classes_of_huawei_clouds_provider_know_every_argument_too() -> None:
    known = {key: arguments for key in HUAWEI if (arguments := from_pulumi(key[0]))}
    assert len(known) >= 7
    for key, arguments in known.items():
        assert list(problems(".".join(key), HUAWEI[key], arguments)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("cloud", "provider"), PROVIDERS.items())
def test_the_providers_own_block_has_no_unknown_argument(cloud: str, provider: str) -> None:
    body = named(read(MODULES / cloud)["provider"])[provider]
    assert list(problems(provider, body, providers()[provider])) == []


def test_both_clouds_get_the_same_resources() -> None:
    assert len(OTC) == len(HUAWEI) >= 11
    assert [name for _, name in OTC] == [name for _, name in HUAWEI]


KNOWN = Arguments(
    required=frozenset({"name"}),
    optional=frozenset({"size"}),
    blocks={"code": Arguments(required=frozenset({"file"}))},
    required_blocks=frozenset({"code"}),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('name = "n"\n code {\n file = "f"\n}', []),
        ('name = "n"\n size = 1\n code {\n file = "f"\n}\n lifecycle {\n prevent_destroy = true\n}', []),
        ('size = 1\n code {\n file = "f"\n}', ["r.x: the argument name is missing"]),
        ('name = "n"\n sise = 1\n code {\n file = "f"\n}', ["r.x: there is no argument sise"]),
        ('name = "n"', ["r.x: the block code is missing"]),
        ('name = "n"\n code {\n file = "f"\n mode = 1\n}', ["r.x.code: there is no argument mode"]),
        ('name = "n"\n code {\n file = "f"\n}\n cod {\n}', ["r.x: there is no block cod"]),
        ('name = "n"\n dynamic "code" {\n for_each = []\n content {\n}\n}', ["r.x.code: the argument file is missing"]),
    ],
)
def test_what_a_provider_would_refuse_is_found(tmp_path: Path, text: str, found: list[str]) -> None:
    (tmp_path / "main.tf").write_text(f'resource "r" "x" {{\n{text}\n}}\n')
    assert list(problems("r.x", resources(tmp_path)["r", "x"], KNOWN)) == found
