"""What FunctionGraph takes in a request's body; anything else is refused, as an unknown field is.

Source: FunctionGraph API reference, tables "Request body parameters"; user guide, "Notes and Constraints".
"""

import base64
import binascii
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any], bool]


class RefusedError(Exception):
    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


@dataclass(frozen=True)
class Field:
    check: Check
    code: str = "FSS.0400"
    required: bool = False


def text(pattern: str, longest: int) -> Check:
    return lambda value: isinstance(value, str) and len(value) <= longest and re.fullmatch(pattern, value) is not None


def whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def one_of(*values: Any) -> Check:
    return lambda value: type(value) is not bool and value in values


def flag(value: Any) -> bool:
    return type(value) is bool


def table(fields: Mapping[str, Field]) -> Check:
    def fits(value: Any) -> bool:
        try:
            check(value, fields)
        except RefusedError:
            return False
        return True

    return fits


def variables(value: Any) -> bool:
    """At most 20, of 4096 characters together, as a JSON object in a text."""
    try:
        held = json.loads(value)
    except (TypeError, ValueError):
        return False
    if not isinstance(held, dict) or len(held) > 20 or sum(len(k) + len(v) for k, v in held.items()) > 4096:
        return False
    return all(re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) and isinstance(held[name], str) for name in held)


def zipped(value: Any) -> bool:
    try:
        return zipfile.ZipFile(io.BytesIO(base64.b64decode(value["file"], validate=True))).testzip() is None
    except (KeyError, TypeError, binascii.Error, zipfile.BadZipFile):
        return False


def topic(value: Any) -> bool:
    try:
        return bool(re.fullmatch(r"urn:smn:[^:]+:[^:]+:[^:]+", json.loads(value)["topic_urn"]))
    except (TypeError, ValueError, KeyError):
        return False


def timer(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() - {"name", "schedule", "schedule_type", "user_event"}:
        return False
    name, schedule = value.get("name"), value.get("schedule")
    if (
        not isinstance(name, str)
        or not re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,63}", name)
        or not isinstance(schedule, str)
    ):
        return False
    if not isinstance(value.get("user_event", ""), str):
        return False
    if value.get("schedule_type") == "Rate":
        return re.fullmatch(r"([1-9]|[1-5]\d|60)m|([1-9]|1\d|2[0-4])h|([1-9]|[12]\d|30)d", schedule) is not None
    cron = (
        r"(CRON_TZ=[A-Za-z_]+/[A-Za-z_]+ )?([\d,*/-]+ ){3}[\d,*?/-]+ [\dA-Za-z,*/-]+( [\dA-Za-z,*?/-]+)?|@every \d\S*"
    )
    return value.get("schedule_type") == "Cron" and re.fullmatch(cron, schedule) is not None


_MEMORY = (128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 8192, 10240)
_RUNTIMES = ("Python2.7", "Python3.6", "Python3.9", "Python3.10", "Python3.12", "Node.js18.15", "Java11", "http")
_ANY = text(r".*", 10_000)
_DESTINATION = table({"destination": Field(one_of("OBS", "SMN", "FunctionGraph")), "param": Field(topic)})

_SHARED = {
    "func_name": Field(text("[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?", 60), "FSS.1002", required=True),
    "runtime": Field(one_of(*_RUNTIMES), "FSS.1005", required=True),
    "timeout": Field(whole(3, 259_200), "FSS.1008", required=True),
    "handler": Field(text(r"[^.]+\.[^.]+", 128), "FSS.1003", required=True),
    "memory_size": Field(one_of(*_MEMORY), "FSS.1007", required=True),
    "user_data": Field(variables, "FSS.1009"),
    "encrypted_user_data": Field(variables, "FSS.1009"),
    "xrole": Field(_ANY),
    "app_xrole": Field(_ANY),
    "description": Field(text(r".*", 512), "FSS.1019"),
    "func_vpc": Field(
        table({"vpc_id": Field(_ANY, required=True), "subnet_id": Field(_ANY, required=True)}), "FSS.1036"
    ),
    "log_config": Field(table({name: Field(_ANY) for name in ("group_name", "group_id", "stream_name", "stream_id")})),
    "enable_lts_log": Field(flag),
}
_CODE = {
    "code_type": Field(one_of("zip"), "FSS.1006", required=True),
    "code_filename": Field(text(r"[^/]+\.zip", 255), "FSS.1013", required=True),
    "func_code": Field(zipped, "FSS.1011", required=True),
}
CREATE = {
    **_SHARED,
    **_CODE,
    "package": Field(one_of("default"), "FSS.1004", required=True),
    "type": Field(one_of("v2"), required=True),  # optional, but then a function may be v1
}
CODE = _CODE
CONFIG = _SHARED
MAX_INSTANCES = {"max_instance_num": Field(whole(-1, 1000), "FSS.1026", required=True)}
ASYNC = {
    "max_async_event_age_in_seconds": Field(whole(1, 86_400)),
    "max_async_retry_attempts": Field(whole(0, 3)),
    "destination_config": Field(table({"on_success": Field(_DESTINATION), "on_failure": Field(_DESTINATION)})),
    "enable_async_status_log": Field(flag),
}
PUBLISH = {
    "digest": Field(_ANY),
    "version": Field(text("[A-Za-z]([A-Za-z0-9._-]*[A-Za-z0-9])?", 42), "FSS.1015"),
    "description": Field(text(r".*", 512), "FSS.1019"),
}
ALIAS = {
    "name": Field(text("[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?", 64), "FSS.1014", required=True),
    "version": Field(_ANY, "FSS.1015", required=True),
    "description": Field(_ANY),
}
MOVE = {"version": Field(_ANY, "FSS.1015", required=True), "description": Field(_ANY)}
TRIGGER = {
    "trigger_type_code": Field(one_of("TIMER"), "FSS.1101", required=True),
    "trigger_status": Field(one_of("ACTIVE", "DISABLED")),
    "event_data": Field(timer, "FSS.1109", required=True),
}
STATUS = {"trigger_status": Field(one_of("ACTIVE", "DISABLED"), required=True)}
LOG_QUERY = {
    "start_time": Field(text(r"\d{13}", 13), "LTS.0009", required=True),
    "end_time": Field(text(r"\d{13}", 13), "LTS.0009", required=True),
    "limit": Field(whole(1, 5000), "LTS.0009"),
    "highlight": Field(flag, "LTS.0009"),
    "line_num": Field(text(r"\d{19}", 19), "LTS.0009"),
    "search_type": Field(one_of("init", "forwards", "backwards"), "LTS.0009"),
}


def check(body: Any, fields: Mapping[str, Field]) -> None:
    """Refuse a body that is no object, has an unknown field, lacks one, or has a wrong value in one."""
    if not isinstance(body, dict):
        raise RefusedError(406, "FSS.0406", "Not acceptable.")
    for name in body:
        if name not in fields:
            raise RefusedError(400, "FSS.0400", f"unknown field {name}")
    for name, field in fields.items():
        if name in body and not field.check(body[name]):
            raise RefusedError(400, field.code, f"invalid {name}")
        if name not in body and field.required:
            raise RefusedError(400, field.code, f"{name} is missing")
