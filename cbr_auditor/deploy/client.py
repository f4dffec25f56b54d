"""FunctionGraph's API, as far as a deployment needs it.

Source: FunctionGraph API reference, v2. A request that changes something by POST is sent once: a second one might
publish or run twice. The others are tried again where it may help.
"""

import base64
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from requests.auth import AuthBase

from cbr_auditor.clock import Deadline
from cbr_auditor.cloud.service import Reply, Service
from cbr_auditor.deploy.artifact import Code
from cbr_auditor.deploy.refusal import refusal
from cbr_auditor.errors import DeployError, ListingError
from cbr_auditor.http_retry import PATIENT, Patience

Method = Literal["GET", "POST", "PUT", "DELETE"]

_ONCE = Patience(tries=1, seconds=0.0)
_UPLOAD = 120.0  # seconds that an answer may be silent: the code is unpacked before there is one
_LARGEST = 96 * 2**20  # bytes; an answer may repeat the code that was sent, in base64
_PAGE = 100


class FunctionGraph:
    """One project's functions. A URN without a version is the whole function's. Each method raises `DeployError`."""

    def __init__(
        self,
        endpoint: str,
        project_id: str,
        auth: AuthBase,
        deadline: Deadline,
        *,
        ca_file: str | None = None,
        secrets: tuple[str, ...] = (),
        patience: Patience = PATIENT,
    ) -> None:
        self.project_id = project_id
        self._base = f"/v2/{quote(project_id, safe='')}/fgs"
        self._auth = auth
        self._secrets = secrets
        self._patient = _service(endpoint, deadline, ca_file, patience)
        self._once = _service(endpoint, deadline, ca_file, _ONCE)

    def config(self, urn: str) -> dict[str, Any] | None:
        """What is configured; None where there is no such function, version or alias."""
        return self._found("GET", f"/functions/{urn}/config")

    def create(self, body: Mapping[str, Any], code: Code) -> None:
        """Create a function."""
        self._send("POST", "/functions", {**body, "code_type": "zip", **_code(code)})

    def put_code(self, urn: str, code: Code) -> str:
        """Replace the code; the digest that FunctionGraph gives it."""
        answer = self._send("PUT", f"/functions/{urn}/code", {"code_type": "zip", **_code(code)})
        return str(answer.content.get("digest", ""))

    def put_config(self, urn: str, body: Mapping[str, Any]) -> None:
        """Replace the configuration."""
        self._send("PUT", f"/functions/{urn}/config", body)

    def put_max_instances(self, urn: str, number: int) -> None:
        """Say how many instances there may be at once."""
        self._send("PUT", f"/functions/{urn}/config-max-instance", {"max_instance_num": number})

    def delete(self, urn: str) -> None:
        """Delete a function with all that belongs to it, or one version."""
        self._found("DELETE", f"/functions/{urn}")

    def async_config(self, urn: str) -> dict[str, Any] | None:
        """How asynchronous runs are treated; None where that was never said."""
        return self._found("GET", f"/functions/{urn}/async-invoke-config")

    def put_async_config(self, urn: str, body: Mapping[str, Any]) -> None:
        """Say how asynchronous runs, a timer's among them, are treated."""
        self._send("PUT", f"/functions/{urn}/async-invoke-config", body)

    def versions(self, urn: str) -> list[dict[str, Any]]:
        """All versions, `latest` among them."""
        rows: list[dict[str, Any]] = []
        marker = 0
        while True:
            answer = self._send("GET", f"/functions/{urn}/versions?marker={marker}&maxitems={_PAGE}").content
            page = _objects(answer.get("versions"))
            rows += page
            following = answer.get("next_marker")
            if not page or not isinstance(following, int) or following <= marker or len(page) < _PAGE:
                return rows
            marker = following

    def publish(self, urn: str, version: str, description: str) -> None:
        """Make a version of what is `latest` now."""
        self._send("POST", f"/functions/{urn}/versions", {"version": version, "description": description})

    def aliases(self, urn: str) -> list[dict[str, Any]]:
        """All aliases."""
        return _objects(self._send("GET", f"/functions/{urn}/aliases").rows)

    def create_alias(self, urn: str, name: str, version: str) -> None:
        """Let a new alias lead to a version."""
        self._send("POST", f"/functions/{urn}/aliases", {"name": name, "version": version})

    def move_alias(self, urn: str, name: str, version: str) -> None:
        """Let an alias lead to another version."""
        self._send("PUT", f"/functions/{urn}/aliases/{quote(name, safe='')}", {"version": version})

    def triggers(self, urn: str) -> list[dict[str, Any]]:
        """The triggers of a version or alias."""
        return _objects(self._send("GET", f"/triggers/{urn}").rows)

    def create_trigger(self, urn: str, body: Mapping[str, Any]) -> None:
        """Bind a trigger to a version or alias."""
        self._send("POST", f"/triggers/{urn}", body)

    def put_trigger_status(self, urn: str, ident: str, status: str) -> None:
        """Switch a timer on or off: all that can be changed of one."""
        self._send("PUT", f"/triggers/{urn}/TIMER/{quote(ident, safe='')}", {"trigger_status": status})

    def delete_trigger(self, urn: str, kind: str, ident: str) -> None:
        """Delete a trigger."""
        self._found("DELETE", f"/triggers/{urn}/{quote(kind, safe='')}/{quote(ident, safe='')}")

    def log_stream(self, urn: str) -> dict[str, Any]:
        """The log group and stream that the function's log goes to; empty where it goes nowhere."""
        return self._found("GET", f"/functions/{urn}/lts-log-detail") or {}

    def invoke(self, urn: str, event: Any, *, wait: bool) -> Reply:
        """Run the function; what it answered and the end of its log, or the request's id where nobody waits."""
        how = "invocations" if wait else "invocations-async"
        headers = {"X-Cff-Log-Type": "tail", "X-CFF-Request-Version": "v1"} if wait else {}
        reply = self._ask("POST", f"/functions/{urn}/{how}", event, headers)
        if reply.status >= 300:
            raise refusal(reply, self.project_id)
        return reply

    def _send(self, method: Method, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        reply = self._ask(method, path, body)
        if reply.status >= 300:
            raise refusal(reply, self.project_id)
        return reply

    def _found(self, method: Method, path: str) -> dict[str, Any] | None:
        """The answer's object, None for a 404 of FunctionGraph's own: a gateway's means another thing."""
        reply = self._ask(method, path, None)
        if reply.status == 404 and str(reply.content.get("error_code", "")).startswith("FSS."):
            return None
        if reply.status >= 300:
            raise refusal(reply, self.project_id)
        return reply.content

    def _ask(
        self,
        method: Method,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        service = self._once if method == "POST" else self._patient
        path, _, query = path.partition("?")
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        try:
            return service.ask(
                method,
                self._base + path,
                body=body,
                query=pairs,
                headers=headers,
                auth=self._auth,
                secrets=self._secrets,
            )
        except ListingError as problem:
            raise DeployError(problem.what, problem.mend) from None


def _service(endpoint: str, deadline: Deadline, ca_file: str | None, patience: Patience) -> Service:
    return Service(
        endpoint,
        deadline,
        setting="provider.endpoint",
        ca_file=ca_file,
        patience=patience,
        timeout=_UPLOAD,
        largest=_LARGEST,
    )


def _code(code: Code) -> dict[str, Any]:
    return {"code_filename": code.name, "func_code": {"file": base64.b64encode(code.content).decode()}}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
