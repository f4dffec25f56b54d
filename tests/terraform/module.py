"""A folder of Terraform files, read with python-hcl2, and its comparison with what a provider takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hcl2

MODULES = Path(__file__).parents[2] / "deploy" / "terraform"
PROVIDERS = {"otc": "opentelekomcloud", "huaweicloud": "huaweicloud"}
_TERRAFORMS_OWN = {"count", "for_each", "depends_on", "provider", "lifecycle", "provisioner", "connection"}


@dataclass(frozen=True)
class Arguments:
    """What a resource, or a block in one, takes."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    blocks: Mapping[str, "Arguments"] = field(default_factory=dict)
    required_blocks: frozenset[str] = frozenset()


def read(folder: Path) -> dict[str, list[Any]]:
    """All blocks of a folder's .tf files by their kind: `resource`, `variable`, `output`, …"""
    blocks: dict[str, list[Any]] = {}
    for path in sorted(folder.glob("*.tf")):
        for kind, found in hcl2.loads(path.read_text()).items():
            blocks.setdefault(kind, []).extend(found if kind != "__comments__" else [])
    return blocks


def named(blocks: list[Any]) -> dict[str, dict[str, Any]]:
    """The blocks by their label, as variables and outputs have one."""
    return {label.strip('"'): body for block in blocks for label, body in block.items() if not label.startswith("__")}


def resources(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The folder's resources by type and name."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for block in read(folder).get("resource", []):
        for kind, bodies in block.items():
            found |= {(kind.strip('"'), name.strip('"')): body for name, body in bodies.items()}
    return found


def problems(where: str, body: Mapping[str, Any], known: Arguments) -> Iterator[str]:
    """What the provider would refuse: an argument or block that it does not know, or one that it must have."""
    inner = list(_inner(body))
    given = {name for name in body if not name.startswith("__") and name != "dynamic"} - {name for name, _ in inner}
    for name in sorted(given - known.required - known.optional - _TERRAFORMS_OWN):
        yield f"{where}: there is no argument {name}"
    for name in sorted(known.required - given):
        yield f"{where}: the argument {name} is missing"
    for name in sorted(known.required_blocks - {name for name, _ in inner}):
        yield f"{where}: the block {name} is missing"
    for name, block in inner:
        if name in known.blocks:
            yield from problems(f"{where}.{name}", block, known.blocks[name])
        elif name not in _TERRAFORMS_OWN:
            yield f"{where}: there is no block {name}"


def _inner(body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in body.items():
        if name == "dynamic":
            for block in value:
                for label, content in named([block]).items():
                    yield from ((label, part) for part in content["content"])
        elif isinstance(value, list) and all(isinstance(part, dict) and "__is_block__" in part for part in value):
            yield from ((name, part) for part in value)
