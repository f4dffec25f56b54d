"""What providers take, from what is to be had of their schemas without Terraform's registry."""

import ast
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cbr_auditor.auditor_toml import read_toml
from tests.terraform.module import Arguments

HERE = Path(__file__).parent
_CDKTF = HERE / "npm" / "node_modules" / "@cdktf" / "provider-opentelekomcloud" / "lib"
_PULUMI = HERE / ".prepared" / "pulumi_huaweicloud-0.0.12.tar.gz"
_PULUMI_CLASSES = {
    "huaweicloud_fgs_function": "functiongraph.FunctionArgs",
    "huaweicloud_identity_agency": "iam.AgencyArgs",
    "huaweicloud_identity_role": "iam.RoleArgs",
    "huaweicloud_lts_group": "lts.GroupArgs",
    "huaweicloud_lts_stream": "lts.StreamArgs",
    "huaweicloud_smn_topic": "smn.TopicArgs",
    "huaweicloud_smn_subscription": "smn.SubscriptionArgs",
}


def from_cdktf(resource: str) -> Arguments:
    """A resource of the provider opentelekomcloud 1.36.54, from the types that CDK for Terraform made of its schema."""
    text, name = _types(resource)
    interfaces = dict(re.findall(r"^export interface (\w+)[^{]*\{\n(.*?)^\}", text, flags=re.DOTALL | re.MULTILINE))
    return _from_interface(f"{name}Config", interfaces)


def providers() -> dict[str, Arguments]:
    """What the two providers' own blocks take, from the same two sources."""
    name = "OpentelekomcloudProviderConfig"
    text = (_CDKTF / "provider" / "index.d.ts").read_text()
    (body,) = re.findall(rf"^export interface {name} \{{\n(.*?)^\}}", text, flags=re.DOTALL | re.MULTILINE)
    huawei = _from_class("ProviderArgs", _classes("provider.py"))
    return {"opentelekomcloud": _from_interface(name, {name: body}), "huaweicloud": huawei}


def attributes(resource: str) -> set[str]:
    """What other resources may read of a resource of the provider opentelekomcloud."""
    text, name = _types(resource)
    body = re.search(rf"^export declare class {name} [^{{]*\{{\n(.*?)^\}}", text, flags=re.DOTALL | re.MULTILINE)
    assert body
    return {_snake(field) for field in re.findall(r"^    get (\w+)\(\)", body[1], flags=re.MULTILINE)}


def _types(resource: str) -> tuple[str, str]:
    words = resource.removeprefix("opentelekomcloud_").split("_")
    text = (_CDKTF / "-".join(words) / "index.d.ts").read_text()
    return text, "".join(word.capitalize() for word in words)


def _snake(name: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", name).lower()


def _from_interface(name: str, interfaces: Mapping[str, str]) -> Arguments:
    required: set[str] = set()
    optional: set[str] = set()
    required_blocks: set[str] = set()
    blocks: dict[str, Arguments] = {}
    for field, question, kind in re.findall(r"^    readonly (\w+)(\??): (\w+)?", interfaces[name], flags=re.MULTILINE):
        argument = _snake(field)
        if kind in interfaces:
            blocks[argument] = _from_interface(kind, interfaces)
            required_blocks |= set() if question else {argument}
        else:
            (optional if question else required).add(argument)
    return Arguments(frozenset(required), frozenset(optional), blocks, frozenset(required_blocks))


def from_documentation(resource: str) -> Arguments:
    """A resource of the provider huaweicloud 1.97.1, as its documentation lists the arguments."""
    return _from_table(read_toml(HERE / "huaweicloud.toml")[resource])


def _from_table(table: Mapping[str, Any]) -> Arguments:
    return Arguments(
        frozenset(table.get("required", ())),
        frozenset(table.get("optional", ())),
        {name: _from_table(block) for name, block in table.get("blocks", {}).items()},
        frozenset(table.get("required_blocks", ())),
    )


def from_pulumi(resource: str) -> Arguments | None:
    """A resource of the provider huaweicloud of spring 2025, from the classes that Pulumi made of its schema.

    None where that provider has none of the kind in the same shape.
    """
    if resource not in _PULUMI_CLASSES:
        return None
    package, _, name = _PULUMI_CLASSES[resource].partition(".")
    return _from_class(name, _classes(package))


def _classes(place: str) -> dict[str, ast.arguments]:
    """The constructors of the `…Args` classes in a package, or in a module as `provider.py`."""
    found = {}
    with tarfile.open(_PULUMI) as archive:
        for member in archive.getmembers():
            if re.search(rf"/pulumi_huaweicloud/{place}(/\w+\.py)?$", member.name) and member.isfile():
                file = archive.extractfile(member)
                assert file
                for node in ast.walk(ast.parse(file.read())):
                    if isinstance(node, ast.ClassDef) and node.name.endswith("Args"):
                        found[node.name] = next(
                            part.args
                            for part in node.body
                            if isinstance(part, ast.FunctionDef) and part.name == "__init__"
                        )
    return found


def _from_class(name: str, classes: Mapping[str, ast.arguments]) -> Arguments:
    """Pulumi writes lists in the plural, and gives a name itself where there is none."""
    required: set[str] = set()
    optional: set[str] = set()
    blocks: dict[str, Arguments] = {}
    for argument, default in zip(classes[name].kwonlyargs, classes[name].kw_defaults, strict=True):
        annotation = ast.unparse(argument.annotation) if argument.annotation else ""
        singular = argument.arg.removesuffix("s") if "Sequence" in annotation else argument.arg
        inner = re.search(r"'(\w+Args)'", annotation)
        if inner and inner[1] in classes:
            blocks[singular] = _from_class(inner[1], classes)
        elif default is None:
            required |= {argument.arg}
        else:
            optional |= {argument.arg, singular}
    return Arguments(frozenset(required), frozenset(optional), blocks)
