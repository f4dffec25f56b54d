"""The generic webhook: the report's JSON without most of its findings, signed as Standard Webhooks say."""

import base64
import hmac
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from pydantic import SecretStr

from cbr_auditor.errors import DeliveryError
from cbr_auditor.excerpt import Room, excerpt
from cbr_auditor.finding import Finding
from cbr_auditor.report import Report

_LARGEST = 64 * 1024 - 1  # bytes; what intermediaries must forward as CloudEvents say
_MOST_FINDINGS = 50
# The last one always fits.
_ROOMS = (
    Room(findings=0, rules=100, targets=20, items=8, name=64, sentence=200),
    Room(findings=0, rules=30, targets=5, items=2, name=40, sentence=80),
)
_PREFIX = "whsec_"


def compose(report: Report, top: list[Finding]) -> bytes:
    """report.json with at most 50 findings and `findings_omitted`, the count of the others, in less than 64 KiB.

    Frameworks have no clauses here, for findings need the room. Where even no finding would fit, what the rules say
    goes (null then), then sentences and projects beyond the first, which are counted.
    """
    total = report.failures + report.summary.unknown
    document: dict[str, Any] = {}
    size = 0
    for document in _less_and_less(report):  # the last one is used
        size = len(msgspec.json.encode({**document, "findings": [], "findings_omitted": total}))
        if size <= _LARGEST:
            break
    findings = []
    for finding in top[:_MOST_FINDINGS]:
        size += len(msgspec.json.encode(finding)) + 1
        if size > _LARGEST:
            break
        findings.append(finding)
    omitted = max(0, total - len(findings))
    return msgspec.json.encode({**document, "findings": findings, "findings_omitted": omitted})


def _less_and_less(report: Report) -> Iterator[dict[str, Any]]:
    frameworks = [msgspec.structs.replace(framework, clauses=[]) for framework in report.frameworks]
    report = msgspec.structs.replace(report, frameworks=frameworks)
    yield report.document()
    yield _terse(report)
    for room in _ROOMS:
        yield _terse(excerpt(report, room))


def _terse(report: Report) -> dict[str, Any]:
    """The document without what the rules say."""
    silent = dict.fromkeys(("advice", "why", "no_problem", "error_examples"))
    return {**report.document(), "rules": [{**msgspec.structs.asdict(rule), **silent} for rule in report.rules]}


def sign(body: bytes, run_id: str, now: datetime, secret: SecretStr | None) -> dict[str, str]:
    """The headers that prove who sent this (standardwebhooks.com); none without a secret. Raises `DeliveryError`."""
    if secret is None:
        return {}
    encoded = secret.get_secret_value()
    try:
        key = base64.b64decode(encoded.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise DeliveryError(
            f"AUDITOR_WEBHOOK_SECRET is not {_PREFIX} and base64", "Make one: echo whsec_$(openssl rand -base64 32)."
        )
    stamp = str(int(now.timestamp()))
    signature = hmac.digest(key, f"{run_id}.{stamp}.".encode() + body, "sha256")
    return {
        "webhook-id": run_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
