"""What the API is told of a function, and how that differs from what it says."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cbr_auditor.deploy.artifact import Code
from cbr_auditor.deploy.deployment import Deployment, is_secret
from cbr_auditor.deploy.description import Logs
from cbr_auditor.deploy.state import variables_of
from cbr_auditor.text import one_line

_COMPARED = {
    "handler": "handler",
    "memorySize": "memory_size",
    "timeout": "timeout",
    "description": "description",
    "agency": "xrole",
    "executionAgency": "app_xrole",
}
UNREADABLE = "set again, for its value cannot be read"


def config_body(deployment: Deployment) -> dict[str, Any]:
    """The body of `PUT …/config`, all of it: what is left out might stay as it was."""
    function = deployment.function
    body: dict[str, Any] = {
        "func_name": function.name,
        "runtime": deployment.provider.runtime,
        "handler": function.handler,
        "memory_size": function.memory_size,
        "timeout": function.timeout,
        "description": function.description,
        "user_data": json.dumps(dict(function.plain)),
        "encrypted_user_data": json.dumps(dict(function.secret)),
        "xrole": function.agency or "",
        "app_xrole": function.execution_agency or "",
        "enable_lts_log": bool(function.logs),
    }
    if isinstance(function.logs, Logs):
        body["log_config"] = function.logs.model_dump()
    if function.vpc:
        body["func_vpc"] = function.vpc.model_dump()
    return body


def async_body(deployment: Deployment) -> dict[str, Any]:
    """The body of `PUT …/async-invoke-config`."""
    function = deployment.function
    body: dict[str, Any] = {
        "max_async_event_age_in_seconds": function.max_event_age,
        "max_async_retry_attempts": function.retries,
        "destination_config": {},
    }
    if function.on_failure:
        topic = json.dumps({"topic_urn": function.on_failure})
        body["destination_config"] = {"on_failure": {"destination": "SMN", "param": topic}}
    return body


def code_differences(code: Code, shown: Mapping[str, Any]) -> list[str]:
    """Why the code is sent, by its digest; nothing where it is there already."""
    digest = str(shown.get("digest") or "")
    if digest == code.digest:
        return []
    return [f"code: SHA-512 {one_line(digest, 12) or 'none'} → {code.digest[:11]}…"]


def config_differences(deployment: Deployment, shown: Mapping[str, Any]) -> list[str]:
    """One line for each setting that is not as described. A secret's value is never shown."""
    body = config_body(deployment)
    lines = [
        f"{name}: {_shown(shown.get(key))} → {_shown(body[key])}"
        for name, key in _COMPARED.items()
        if (shown.get(key) or "") != (body[key] or "")
    ]
    lines += _variable_differences(deployment.function.plain, variables_of(shown.get("user_data")))
    lines += _secret_differences(deployment.function.secret, variables_of(shown.get("encrypted_user_data")))
    lines += _log_differences(deployment.function.logs, shown)
    vpc, given = deployment.function.vpc, shown.get("func_vpc")
    there = given if isinstance(given, dict) else {}
    if (there.get("vpc_id") or None, there.get("subnet_id") or None) != (
        (vpc.vpc_id, vpc.subnet_id) if vpc else (None, None)
    ):
        lines.append(f"vpc: {_shown(there.get('subnet_id'))} → {_shown(vpc and vpc.subnet_id)}")
    return lines


def held_by(shown: Mapping[str, Any], asynchronous: Mapping[str, Any] | None) -> Iterator[str]:
    """The names of the variables that a function has, and `onFailure` where it has that."""
    yield from variables_of(shown.get("user_data"))
    yield from variables_of(shown.get("encrypted_user_data"))
    if _topic(asynchronous or {}):
        yield "onFailure"


def only_unreadable(lines: list[str]) -> bool:
    """Whether all that differs are secrets of which nobody can tell."""
    return bool(lines) and all(line.endswith(UNREADABLE) for line in lines)


def async_differences(deployment: Deployment, shown: Mapping[str, Any] | None) -> list[str]:
    """As `config_differences`, for asynchronous runs."""
    function, there = deployment.function, shown or {}
    lines = [
        f"{name}: {_shown(there.get(key))} → {value}"
        for name, key, value in (
            ("retries", "max_async_retry_attempts", function.retries),
            ("maxEventAge", "max_async_event_age_in_seconds", function.max_event_age),
        )
        if there.get(key) != value
    ]
    topic = _topic(there)
    if (topic or "") != (function.on_failure or ""):
        lines.append(f"onFailure: {_shown(topic)} → {_shown(function.on_failure)}")
    return lines


def instance_differences(deployment: Deployment, shown: Mapping[str, Any]) -> list[str]:
    """As `config_differences`, for `maxInstances`."""
    strategy = shown.get("strategy_config")
    there = strategy.get("concurrency") if isinstance(strategy, dict) else None
    wanted = deployment.function.max_instances
    return [] if there == wanted else [f"maxInstances: {_shown(there)} → {wanted}"]


def _variable_differences(wanted: Mapping[str, str], there: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(wanted.keys() | there.keys()):
        if wanted.get(name) == there.get(name):
            continue
        if name not in wanted:
            yield f"{one_line(name, 64)}: removed"
        elif is_secret(name):
            yield f"{name}: {'changed' if name in there else 'set'} (not shown)"
        else:
            yield f"{name}: {_shown(there.get(name))} → {_shown(wanted[name])}"


def _secret_differences(wanted: Mapping[str, str], there: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(wanted.keys() | there.keys()):
        if name not in wanted:
            yield f"{one_line(name, 64)}, encrypted: removed"
        elif name not in there:
            yield f"{name}, encrypted: set"
        elif there[name] != wanted[name]:
            yield f"{name}, encrypted: {UNREADABLE}"


def _log_differences(wanted: bool | Logs, shown: Mapping[str, Any]) -> Iterator[str]:
    there = bool(shown.get("enable_lts_log") or shown.get("log_group_id"))
    if there != bool(wanted):
        yield f"logs: {'kept' if there else 'not kept'} → {'kept' if wanted else 'not kept'}"
    elif isinstance(wanted, Logs):
        for key, value in (("log_group_id", wanted.group_id), ("log_stream_id", wanted.stream_id)):
            if shown.get(key) != value:
                yield f"logs: {key} {_shown(shown.get(key))} → {value}"


def _topic(shown: Mapping[str, Any]) -> str | None:
    level: Any = shown.get("destination_config")
    for key in ("on_failure", "param"):
        level = level.get(key) if isinstance(level, dict) else None
    return variables_of(level).get("topic_urn") if level else None


def _shown(value: Any) -> str:
    return "none" if value in {None, ""} else one_line(str(value), 80)
