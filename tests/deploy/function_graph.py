"""FunctionGraph's API on loopback, with the log service's query: one project, checked strictly, kept in memory.

Written from the API reference (v2) of Open Telekom Cloud and, where that is silent, from Huawei Cloud's SDK. What no
document says is marked "assumed".
"""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.deploy import bodies
from tests.deploy.api import Answer, Api
from tests.deploy.bodies import RefusedError, check

_MOST_VERSIONS = 20
_SECRET = "encrypted_user_data"


@dataclass
class Function:
    latest: dict[str, Any]
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    triggers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    async_configs: dict[str, dict[str, Any]] = field(default_factory=dict)


class FunctionGraphApi(Api):
    """A context manager. What it answers an invocation with is `result`; the log service shows the lines of `log`."""

    def __init__(self, project_id: str, token: str, region: str = "eu-de") -> None:
        super().__init__(token)
        self.project_id, self.region = project_id, region
        self.functions: dict[str, Function] = {}
        self.events: list[tuple[str, Any]] = []
        self.result = Answer(200, {"verdict": "pass"})
        self.log: list[str] = []
        self.digest: Callable[[bytes], str] = lambda code: hashlib.sha512(code).hexdigest()
        self._ticks = 0

    def route(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        for verb, pattern, handler in self._routes:
            match = re.fullmatch(pattern, path)
            if match and verb == method:
                if match[1] != self.project_id:
                    raise RefusedError(403, "FSS.0403", "Forbidden")
                return handler(self, match.groups()[1:], query, body)
        return Answer(404, {"error_code": "APIGW.0101", "error_msg": "The API does not exist"})

    def _now(self) -> str:
        """A time that goes on with every change."""
        self._ticks += 1
        return f"2026-11-23 {self._ticks // 3600:02}:{self._ticks // 60 % 60:02}:{self._ticks % 60:02}"

    def _find(self, urn: str) -> tuple[Function, str]:
        """The function of a URN, and its qualifier: a version, an alias with `!`, or nothing."""
        place = rf"urn:fss:{self.region}:{self.project_id}:function:default:([^:]+)(?::([^:]+))?"
        match = re.fullmatch(place, urn)
        if match is None:
            raise RefusedError(400, "FSS.1309", "Invalid function URN.")
        if match[1] not in self.functions:
            raise RefusedError(404, "FSS.1051", "Not found the function")
        function, qualifier = self.functions[match[1]], match[2] or ""
        if qualifier.startswith("!") and qualifier[1:] not in function.aliases:
            raise RefusedError(404, "FSS.1053", "The alias does not exist.")
        if qualifier and not qualifier.startswith("!") and qualifier not in {"latest", *function.versions}:
            raise RefusedError(404, "FSS.1052", "The version does not exist.")
        return function, qualifier

    def _version(self, function: Function, qualifier: str) -> dict[str, Any]:
        name = function.aliases[qualifier[1:]] if qualifier.startswith("!") else qualifier or "latest"
        return function.latest if name == "latest" else function.versions[name]

    def _create(self, _: Any, __: Any, body: Any) -> Answer:
        check(body, bodies.CREATE)
        name = body["func_name"]
        if name in self.functions:
            raise RefusedError(409, "FSS.1061", "The function already exists.")
        config: dict[str, Any] = {"version": "latest", "strategy_config": {"concurrency": 400, "concurrent_num": 1}}
        self.functions[name] = Function(config)
        self._take_code(config, body)
        self._take_config(config, body)
        return Answer(200, self._shown(name, config))

    def _put_code(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.CODE)
        config = self._editable(*self._find(groups[0]))
        self._take_code(config, body)
        return Answer(200, {**self._shown(config["func_name"], config), "func_code": body["func_code"]})

    def _put_config(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.CONFIG)
        config = self._editable(*self._find(groups[0]))
        if (body["func_name"], body["runtime"]) != (config["func_name"], config["runtime"]):
            raise RefusedError(400, "FSS.1005", "Invalid runtime.")  # assumed; the FAQ says that it cannot be changed
        self._take_config(config, body)
        return Answer(200, self._shown(config["func_name"], config))

    def _editable(self, function: Function, qualifier: str) -> dict[str, Any]:
        if qualifier not in {"", "latest"}:
            raise RefusedError(400, "FSS.0400", "a published version cannot be changed")
        return function.latest

    def _take_code(self, config: dict[str, Any], body: Any) -> None:
        code = base64.b64decode(body["func_code"]["file"])
        config.update(
            code_type="zip", code_filename=body["code_filename"], code_size=len(code), digest=self.digest(code)
        )
        config["last_modified"] = self._now()

    def _take_config(self, config: dict[str, Any], body: Any) -> None:
        kept = {name: value for name, value in body.items() if name not in {"func_code", "log_config"}}
        config.update({"package": "default", "type": "v2", "func_vpc": None, **kept})
        given = body.get("log_config", {})
        on = bool(body.get("enable_lts_log"))
        config["log_group_id"] = given.get("group_id") or ("5b2ac9ee-group" if on else "")
        config["log_stream_id"] = given.get("stream_id") or ("5b2ac9ee-stream" if on else "")
        config["last_modified"] = self._now()

    def _show(self, groups: Any, _: Any, __: Any) -> Answer:
        function, qualifier = self._find(groups[0])
        return Answer(200, self._shown(function.latest["func_name"], self._version(function, qualifier)))

    def _shown(self, name: str, config: dict[str, Any]) -> dict[str, Any]:
        """As answers show it: the values of encrypted variables are empty (API, "Creating a Function", example)."""
        urn = f"urn:fss:{self.region}:{self.project_id}:function:default:{name}:{config['version']}"
        hidden = dict.fromkeys(json.loads(config.get(_SECRET) or "{}"), "")
        return {**config, "func_urn": urn, "namespace": self.project_id, "cpu": 400, _SECRET: json.dumps(hidden)}

    def _list(self, _: Any, query: dict[str, list[str]], __: Any) -> Answer:
        rows = [self._shown(name, function.latest) for name, function in sorted(self.functions.items())]
        start, most = int(query.get("marker", ["0"])[0]), int(query.get("maxitems", ["400"])[0])
        return Answer(200, {"functions": rows[start : start + most], "next_marker": start + most, "count": len(rows)})

    def _delete(self, groups: Any, _: Any, __: Any) -> Answer:
        function, qualifier = self._find(groups[0])
        if qualifier == "":
            del self.functions[function.latest["func_name"]]
        elif qualifier == "latest" or qualifier.startswith("!"):
            raise RefusedError(400, "FSS.0400", "the latest version cannot be deleted")
        else:
            del function.versions[qualifier]
            function.aliases = {name: version for name, version in function.aliases.items() if version != qualifier}
        return Answer(204)

    def _limit(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.MAX_INSTANCES)
        config = self._editable(*self._find(groups[0]))
        config["strategy_config"] = {**config["strategy_config"], "concurrency": body["max_instance_num"]}
        return Answer(200, self._shown(config["func_name"], config))

    def _show_async(self, groups: Any, _: Any, __: Any) -> Answer:
        function, qualifier = self._find(groups[0])
        config = function.async_configs.get(qualifier or "latest")
        if config is None:
            raise RefusedError(404, "FSS.0404", "The specified resource was not found.")
        return Answer(200, {"func_urn": groups[0], **config})

    def _put_async(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.ASYNC)
        function, qualifier = self._find(groups[0])
        started = {"max_async_event_age_in_seconds": 3600, "max_async_retry_attempts": 1}
        function.async_configs[qualifier or "latest"] = {**started, **body, "last_modified": self._now()}
        return self._show_async(groups, _, body)

    def _publish(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.PUBLISH)
        function, _ = self._find(groups[0])
        name = body.get("version") or f"v20261123-{self._ticks:06}"
        if name in function.versions:
            raise RefusedError(409, "FSS.1062", "The version already exists.")
        if len(function.versions) >= _MOST_VERSIONS:
            raise RefusedError(403, "FSS.0403", "The number of versions exceeds the limit.")  # assumed code
        snapshot = {**deepcopy(function.latest), "version": name, "last_modified": self._now()}
        newest = next(reversed(function.versions.values()), None)
        if newest and _without_times(newest) == _without_times(snapshot):
            raise RefusedError(400, "FSS.1016", "The function cannot be published because no changes have been made")
        function.versions[name] = {**snapshot, "version_description": body.get("description", "")}
        return Answer(200, self._shown(snapshot["func_name"], function.versions[name]))

    def _list_versions(self, groups: Any, query: dict[str, list[str]], __: Any) -> Answer:
        function, _ = self._find(groups[0])
        rows = [
            self._shown(function.latest["func_name"], row) for row in (function.latest, *function.versions.values())
        ]
        start, most = int(query.get("marker", ["0"])[0]), int(query.get("maxitems", ["100"])[0])
        return Answer(200, {"versions": rows[start : start + most], "next_marker": start + most, "count": len(rows)})

    def _create_alias(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.ALIAS)
        function, _ = self._find(groups[0])
        if body["name"] in function.aliases:
            raise RefusedError(409, "FSS.1063", "The alias already exists.")
        return self._lead(function, groups[0], body["name"], body["version"])

    def _move_alias(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.MOVE)
        function, _ = self._find(f"{groups[0]}:!{groups[1]}")
        return self._lead(function, groups[0], groups[1], body["version"])

    def _lead(self, function: Function, urn: str, name: str, version: str) -> Answer:
        if version not in {"latest", *function.versions}:
            raise RefusedError(404, "FSS.1052", "The version does not exist.")
        function.aliases[name] = version
        return Answer(200, self._alias(urn, name, version))

    def _alias(self, urn: str, name: str, version: str) -> dict[str, Any]:
        return {"name": name, "version": version, "alias_urn": f"{urn}:!{name}", "last_modified": "2026-11-23 00:00:00"}

    def _list_aliases(self, groups: Any, _: Any, __: Any) -> Answer:
        function, _ = self._find(groups[0])
        return Answer(200, [self._alias(groups[0], name, version) for name, version in function.aliases.items()])

    def _create_trigger(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.TRIGGER)
        function, qualifier = self._find(groups[0])
        taken = {row["event_data"]["name"] for rows in function.triggers.values() for row in rows}
        if body["event_data"]["name"] in taken:
            raise RefusedError(400, "FSS.1307", "The trigger name already exists.")
        row = {
            "trigger_id": str(uuid.uuid4()),
            "trigger_status": "ACTIVE",
            **body,
            "created_time": "2026-11-23 00:00:00",
        }
        function.triggers.setdefault(qualifier or "latest", []).append(row)
        return Answer(201, row)

    def _list_triggers(self, groups: Any, _: Any, __: Any) -> Answer:
        function, qualifier = self._find(groups[0])
        return Answer(200, function.triggers.get(qualifier or "latest", []))

    def _trigger(self, groups: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        function, qualifier = self._find(groups[0])
        rows = function.triggers.get(qualifier or "latest", [])
        for row in rows:
            if (row["trigger_type_code"], row["trigger_id"]) == groups[1:]:
                return rows, row
        raise RefusedError(404, "FSS.1140", "The timer trigger does not exist.")

    def _put_trigger(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.STATUS)
        _, row = self._trigger(groups)
        row.update(body)
        return Answer(200, row)

    def _delete_trigger(self, groups: Any, _: Any, __: Any) -> Answer:
        rows, row = self._trigger(groups)
        rows.remove(row)
        return Answer(204)

    def _invoke(self, groups: Any, _: Any, body: Any) -> Answer:
        self._find(groups[0])
        self.events.append((groups[0], body))
        failed = self.result.status != 200
        content = {"result": json.dumps(self.result.content), "log": "Start\nFinish", "status": self.result.status}
        return Answer(200, {**content, "request_id": "1cbe80f3"}, "1" if failed else "0")

    def _invoke_later(self, groups: Any, _: Any, body: Any) -> Answer:
        self._find(groups[0])
        self.events.append((groups[0], body))
        return Answer(202, {"request_id": "1cbe80f3"})

    def _log_detail(self, groups: Any, _: Any, __: Any) -> Answer:
        function, _ = self._find(groups[0])
        return Answer(200, {"group_id": function.latest["log_group_id"], "stream_id": function.latest["log_stream_id"]})

    def _query_log(self, groups: Any, _: Any, body: Any) -> Answer:
        check(body, bodies.LOG_QUERY)
        if groups != ("5b2ac9ee-group", "5b2ac9ee-stream"):
            raise RefusedError(404, "LTS.0208", "The log stream does not exist.")
        numbered = [(str(10**18 + number), line) for number, line in enumerate(self.log)]
        rows = [(number, line) for number, line in numbered if number > body.get("line_num", "")]
        shown = rows[: body.get("limit", 50)]
        return Answer(
            200,
            {
                "count": len(shown),
                "logs": [{"content": line, "line_num": number, "labels": {}} for number, line in shown],
                "isQueryComplete": True,
            },
        )

    _functions = r"/v2/([^/]+)/fgs/functions"
    _urn = rf"{_functions}/([^/]+)"
    _triggers = r"/v2/([^/]+)/fgs/triggers/([^/]+)"
    _routes: ClassVar[tuple[tuple[str, str, Callable[..., Answer]], ...]] = (
        ("GET", _functions, _list),
        ("POST", _functions, _create),
        ("DELETE", _urn, _delete),
        ("GET", rf"{_urn}/config", _show),
        ("PUT", rf"{_urn}/config", _put_config),
        ("PUT", rf"{_urn}/code", _put_code),
        ("PUT", rf"{_urn}/config-max-instance", _limit),
        ("GET", rf"{_urn}/async-invoke-config", _show_async),
        ("PUT", rf"{_urn}/async-invoke-config", _put_async),
        ("GET", rf"{_urn}/versions", _list_versions),
        ("POST", rf"{_urn}/versions", _publish),
        ("GET", rf"{_urn}/aliases", _list_aliases),
        ("POST", rf"{_urn}/aliases", _create_alias),
        ("PUT", rf"{_urn}/aliases/([^/]+)", _move_alias),
        ("GET", rf"{_urn}/lts-log-detail", _log_detail),
        ("POST", rf"{_urn}/invocations", _invoke),
        ("POST", rf"{_urn}/invocations-async", _invoke_later),
        ("GET", _triggers, _list_triggers),
        ("POST", _triggers, _create_trigger),
        ("PUT", rf"{_triggers}/([^/]+)/([^/]+)", _put_trigger),
        ("DELETE", rf"{_triggers}/([^/]+)/([^/]+)", _delete_trigger),
        ("POST", r"/v2/([^/]+)/groups/([^/]+)/streams/([^/]+)/content/query", _query_log),
    )


def _without_times(config: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in config.items() if key not in {"version", "last_modified", "version_description"}
    }
