"""IAM, KMS and the secret manager on loopback, as their API pages describe them: a wrong body or path is refused."""

import hmac
import json
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cbr_auditor.cbr.signature import ALGORITHM, sign

DOMAIN = "OTC-EU-DE-00000000001000055571"
PASSWORD = "pa55-word-of-the-auditor"


@dataclass
class Asked:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any
    target: str


@dataclass
class Answer:
    status: int
    content: Any
    headers: dict[str, str] = field(default_factory=dict)


def iam_error(code: int, message: str) -> Answer:
    """The shape in which IAM answers (OTC terraform provider, issue 2089)."""
    return Answer(code, {"error": {"code": code, "message": message, "title": "Unauthorized"}})


class _Server(ThreadingHTTPServer):
    def handle_error(self, *arguments: Any) -> None:
        """A client that went away is nobody's fault."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*arguments)


class CloudServices:
    """One account with users, projects, keys and secrets."""

    def __init__(self, projects: Mapping[str, str]) -> None:
        self.projects = dict(projects)
        """Names by id."""
        self.users = {"auditor": PASSWORD}
        self.with_mfa: set[str] = set()
        self.access_keys: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        """The project that each token is good for."""
        self.next_tokens: list[str] = []
        self.ciphertexts: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.refused_actions: set[str] = set()
        self.answers: list[Answer] = []
        """What is answered first, whatever is asked."""
        self.requests: list[Asked] = []
        services = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                url = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, url.path, parse_qs(url.query), headers, body, self.path)
                answer = services._answer(asked)
                content = json.dumps(answer.content).encode()
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                return

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def logins(self) -> list[Any]:
        """The bodies of the logins so far."""
        return [json.loads(asked.body) for asked in self.requests if asked.path == "/v3/auth/tokens"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _answer(self, asked: Asked) -> Answer:
        self.requests.append(asked)
        if self.answers:
            return self.answers.pop(0)
        if asked.path == "/v3/auth/tokens" and asked.method == "POST":
            return self._log_in(asked)
        if not self._known(asked):
            return Answer(401, {"error_msg": "Incorrect IAM authentication information", "error_code": "APIGW.0301"})
        if asked.path == "/v3/projects" and asked.method == "GET":
            return self._projects(asked)
        if match := re.fullmatch(r"/v1\.0/([^/]+)/kms/decrypt-data", asked.path):
            return self._decrypt(asked, match[1])
        if match := re.fullmatch(r"/v1/([^/]+)/secrets/([^/]+)/versions/latest", asked.path):
            return self._secret(match[1], match[2])
        return Answer(404, {"error_msg": "The API does not exist", "error_code": "APIGW.0101"})

    def _log_in(self, asked: Asked) -> Answer:
        auth = json.loads(asked.body)["auth"]
        identity, scope = auth["identity"], auth["scope"]["project"]
        user = identity["password"]["user"]
        if (
            set(auth) != {"identity", "scope"}
            or identity["methods"] != ["password"]
            or user.get("domain") not in ({"name": DOMAIN}, {"id": "d" * 32})
        ):
            return iam_error(400, "Request body is invalid.")
        if self.users.get(user["name"]) != user["password"]:
            return iam_error(401, "The username or password is wrong.")
        if user["name"] in self.with_mfa:
            return iam_error(401, "mfa totp code verify fail")
        ids = [ident for ident, name in self.projects.items() if scope in ({"id": ident}, {"name": name})]
        if not ids:
            return iam_error(404, f"Could not find project: {scope}.")
        token = self.next_tokens.pop(0) if self.next_tokens else f"MIIDkgYJ-token-{len(self.tokens)}"
        self.tokens[token] = ids[0]
        domain = {"id": "d" * 32, "name": DOMAIN}
        content = {
            "token": {
                "methods": ["password"],
                "expires_at": "2099-11-24T06:00:00.000000Z",
                "issued_at": "2026-11-23T06:00:00.000000Z",
                "user": {"domain": domain, "id": "e" * 32, "name": user["name"]},
                "project": {"name": self.projects[ids[0]], "id": ids[0], "domain": domain},
                "roles": [{"id": "0", "name": "te_agency"}],
                "catalog": [],
            }
        }
        return Answer(201, content, {"X-Subject-Token": token})

    def _known(self, asked: Asked) -> bool:
        signed = re.fullmatch(
            rf"{ALGORITHM} Access=(\S+), SignedHeaders=(\S+), Signature=(\S+)", asked.headers.get("authorization", "")
        )
        if signed is None:
            return asked.headers.get("x-auth-token", "") in self.tokens
        headers = {name: asked.headers[name] for name in signed[2].split(";")}
        secret = self.access_keys.get(signed[1], "")
        url = f"{self.url}{asked.target}"
        return hmac.compare_digest(signed[3], sign(asked.method, url, headers, asked.body, secret))

    def _projects(self, asked: Asked) -> Answer:
        if "iam:projects:list" in self.refused_actions:
            return iam_error(403, "You are not authorized to perform the requested action: iam:projects:list.")
        wanted = asked.query.get("name")
        rows = [
            {"id": ident, "name": name, "enabled": True, "domain_id": "d" * 32, "is_domain": False}
            for ident, name in self.projects.items()
            if wanted is None or name in wanted
        ]
        return Answer(200, {"projects": rows, "links": {"self": f"{self.url}/v3/projects"}})

    def _decrypt(self, asked: Asked, project: str) -> Answer:
        body = json.loads(asked.body)
        if project not in self.projects or "kms" in self.refused_actions:
            return Answer(403, {"error": {"error_code": "KMS.0301", "error_msg": "No permission."}})
        if set(body) != {"cipher_text"} or body["cipher_text"] not in self.ciphertexts:
            return Answer(400, {"error": {"error_code": "KMS.2202", "error_msg": "Ciphertext is invalid."}})
        return Answer(200, {"key_id": "0d0466b0-e727-4d9c-b35d-f84bb474a37f", **self._plain(body["cipher_text"])})

    def _plain(self, ciphertext: str) -> dict[str, str]:
        return {"plain_text": self.ciphertexts[ciphertext]}

    def _secret(self, project: str, name: str) -> Answer:
        if project not in self.projects or "csms" in self.refused_actions:
            return Answer(403, {"error_code": "CSMS.0403", "error_msg": "Access denied."})
        if name not in self.secrets:
            return Answer(404, {"error_code": "CSMS.0306", "error_msg": "The secret does not exist."})
        metadata = {"id": "v1", "create_time": 1581507580000, "secret_name": name, "version_stages": ["SYSCURRENT"]}
        return Answer(200, {"version": {"version_metadata": metadata, "secret_string": self.secrets[name]}})
