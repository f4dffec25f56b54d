"""The zip's bill of materials: CycloneDX 1.6 as JSON, the same bytes for the same zip."""

import re
import uuid
from collections.abc import Sequence
from typing import Any

from cbr_auditor import __version__
from cbr_auditor.package.lock import Pin
from cbr_auditor.package.wheels import Wheel
from cbr_auditor.text import one_line

_SELF = f"pkg:pypi/cbr-auditor@{__version__}"
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562: names that are URLs
_SPDX = re.compile(r"[A-Za-z0-9.+-]+")


def bill_of_materials(
    name: str, digests: dict[str, str], runtime: str, compiler: str | None, pins: Sequence[Pin], wheels: Sequence[Wheel]
) -> dict[str, Any]:
    """What the zip `name` holds: each library with its licence, the digest of its wheel, and what needs it.

    `digests` are the zip's by CycloneDX' names; `compiler` is the Python that made the .pyc files, where there are any.
    """
    addresses = {wheel.name: f"pkg:pypi/{wheel.name}@{wheel.version}" for wheel in wheels}
    properties = {"runtime": f"Python{runtime}", **({"compiled-by": compiler} if compiler else {})}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digests['SHA-256'])}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": _SELF,
                "name": "cbr-auditor",
                "version": __version__,
                "description": name,
                "hashes": [{"alg": algorithm, "content": digest} for algorithm, digest in digests.items()],
                "properties": [{"name": f"cbr-auditor:{key}", "value": value} for key, value in properties.items()],
            }
        },
        "components": [_component(wheel, addresses[wheel.name]) for wheel in wheels],
        "dependencies": [
            {
                "ref": _SELF,
                "dependsOn": [addresses[pin.name] for pin in pins if "cbr-auditor" in pin.parents],
            },
            *(
                {
                    "ref": addresses[wheel.name],
                    "dependsOn": [addresses[pin.name] for pin in pins if wheel.name in pin.parents],
                }
                for wheel in wheels
            ),
        ],
    }


def _component(wheel: Wheel, address: str) -> dict[str, Any]:
    licences = _licences(wheel)
    return {
        "type": "library",
        "bom-ref": address,
        "name": wheel.name,
        "version": wheel.version,
        **({"description": str(wheel.metadata["Summary"])} if wheel.metadata["Summary"] else {}),
        **({"licenses": licences} if licences else {}),
        "purl": address,
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        "properties": [{"name": "cbr-auditor:wheel", "value": wheel.path.name}],
    }


def _licences(wheel: Wheel) -> list[dict[str, Any]]:
    """The licence as an SPDX expression where the wheel gives one (PEP 639), else in the words of its metadata."""
    if expression := wheel.metadata["License-Expression"]:
        return [{"expression": str(expression)}]
    said = str(wheel.metadata["License"] or "").strip()
    classifiers = wheel.metadata.get_all("Classifier") or []
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License ::")]
    if said and (_SPDX.fullmatch(said) or not named):
        named = [one_line(said, 100)]
    return [{"license": {"name": name}} for name in named]
