"""The Terraform folders as their reader meets them: described, complete, without secrets, with the smallest rights."""

import re
from pathlib import Path

import hcl2
import pytest

from cbr_auditor.catalogue import load_rules
from cbr_auditor.deploy.schedule import check_schedule
from cbr_auditor.profile import built_in_profiles, resolve
from cbr_auditor.rule_page import permissions
from cbr_auditor.settings import SECRETS, Settings
from tests.terraform.module import MODULES, PROVIDERS, named, read, resources
from tests.terraform.oracles import attributes

ROOT = MODULES.parents[1]
FOLDERS = pytest.mark.parametrize("folder", [MODULES / name for name in PROVIDERS], ids=list(PROVIDERS))


def texts(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))


@FOLDERS
def test_every_variable_and_output_says_what_it_is(folder: Path) -> None:
    blocks = read(folder)
    for name, body in {**named(blocks["variable"]), **named(blocks["output"])}.items():
        assert body["description"].strip('"').endswith((".", ".zip")), name
    for name, body in named(blocks["variable"]).items():
        assert "type" in body, name


@FOLDERS
def test_every_name_that_is_used_is_declared_and_every_variable_is_used(folder: Path) -> None:
    blocks, text = read(folder), texts(folder)
    locals_ = {name for block in blocks["locals"] for name in block if not name.startswith("__")}
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(named(blocks["variable"]))
    assert set(re.findall(r"\blocal\.(\w+)", text)) == locals_
    known = {".".join(key) for key in resources(folder)}
    used = re.findall(rf"\b((?:{PROVIDERS[folder.name]}_\w+|terraform_data)\.\w+)", text)
    assert len(used) > 10
    assert set(used) <= known


@pytest.mark.slow
def test_what_is_read_of_another_resource_is_there() -> None:
    read_of = set(re.findall(r"\b(opentelekomcloud_\w+)\.\w+(?:\[\*\])?\.(\w+)", texts(MODULES / "otc")))
    assert len(read_of) >= 8
    for resource, attribute in read_of:
        assert attribute in attributes(resource), f"{resource} has no {attribute}"


@FOLDERS
def test_the_example_sets_variables_and_settings_that_there_are_and_no_secret(folder: Path) -> None:
    example = hcl2.loads((folder / "example.tfvars").read_text())
    variables = named(read(folder)["variable"])
    assert set(example) - {"__comments__"} <= set(variables) - {"secrets"}
    assert {name for name, body in variables.items() if "default" not in body} <= set(example)
    settings = {f"AUDITOR_{name.upper()}" for name in set(Settings.model_fields) - SECRETS}
    assert set(example["settings"]) <= settings
    assert variables["secrets"]["sensitive"] is True


@FOLDERS
def test_a_run_is_not_repeated_nor_doubled_and_its_failure_and_absence_are_told(folder: Path) -> None:
    every = resources(folder)
    found = {name: body for (_, name), body in every.items()}
    invocations = next(body for body in every.values() if "max_async_retry_attempts" in body)
    assert invocations["max_async_retry_attempts"] == 0
    functions = [body for body in every.values() if "func_code" in body]
    assert [body["max_instance_num"] for body in functions] == ['"1"']
    assert functions[0]["encrypted_user_data"] == "${jsonencode(var.secrets)}"
    conditions = {name: found[name]["condition"][0] for name in ("failed", "missing")}
    assert [conditions["failed"][key] for key in ("comparison_operator", "value")] == ['">="', 1]
    assert [conditions["missing"][key] for key in ("comparison_operator", "value", "period")] == ['"<"', 1, 86_400]


@FOLDERS
def test_its_default_schedule_is_one_that_a_timer_takes(folder: Path) -> None:
    default = named(read(folder)["variable"])["schedule"]["default"].strip('"')
    assert check_schedule(default) == "CRON_TZ=Europe/Berlin 0 0 7 * * *"


@FOLDERS
def test_every_action_that_a_rule_needs_can_be_granted_and_the_essential_ones_always_are(folder: Path) -> None:
    rules = {rule.id: rule for rule in load_rules([ROOT / "rules"])}
    needed = {action for rule in rules.values() for action in permissions(rule)}
    offered = set(re.findall(r'"(cbr:\w+:\w+)"', (folder / "locals.tf").read_text()))
    assert offered == needed
    essential = resolve("essential", {}, built_in_profiles(ROOT / "rules"), rules).on
    always = re.search(r'^    \[("cbr:.*)\],$', (folder / "locals.tf").read_text(), flags=re.MULTILINE)
    assert always
    assert {action for ident in essential for action in permissions(rules[ident])} == set(
        re.findall(r'"(.*?)"', always[1])
    )
