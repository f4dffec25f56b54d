"""Logs in to IAM with a user's password, and finds a project's id by its name.

Sources: IAM API, "Obtaining a User Token" (a token is good for 24 hours and for one project) and "Querying Project
Information".
"""

import re
import threading
from typing import Any

import requests
from requests.auth import AuthBase

from cbr_auditor.cloud.service import Reply, Service
from cbr_auditor.errors import AccessError, AnswerError, ListingError, NotFoundError

_ID = re.compile("[0-9a-f]{32}")
_WHERE = "AUDITOR_USERNAME, AUDITOR_PASSWORD and AUDITOR_DOMAIN_NAME (or OS_*, or clouds.yaml)"


class User:
    """A user who logs in with a password, once for each project. May be used from several threads.

    What IAM refused is not asked for again: after a few wrong passwords it locks the user.
    """

    def __init__(self, iam: Service, name: str, password: str, domain: str | None) -> None:
        self._iam = iam
        self._name = name
        self._password = password
        self._domain = domain
        self._lock = threading.Lock()
        self._tokens: dict[str, str] = {}
        self._renewed: set[str] = set()
        self._refused: dict[str, ListingError] = {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not turn up in any text."""
        return (self._password, *self._tokens.values())

    def find_project(self, name: str) -> str:
        """The id of the project of that name, by logging in to it. Raises `ListingError`."""
        with self._lock:
            return self._log_in("name", name)

    def token(self, project_id: str) -> str:
        """A token for the project. Raises `ListingError`."""
        with self._lock:
            if project_id not in self._tokens:
                self._log_in("id", project_id)
            return self._tokens[project_id]

    def renew(self, project_id: str, ended: str) -> str | None:
        """Another token in place of one that ended; None where this one was renewed already. Raises `ListingError`."""
        with self._lock:
            if self._tokens.get(project_id) != ended:
                return self._tokens.get(project_id)
            if project_id in self._renewed:
                return None
            self._renewed.add(project_id)
            self._log_in("id", project_id)
            return self._tokens[project_id]

    def _log_in(self, key: str, project: str) -> str:
        """Get and keep a token; gives the project's id."""
        for place in ("", project):
            if known := self._refused.get(place):
                raise _final(known)
        try:
            reply = self._iam.ask(
                "POST",
                "/v3/auth/tokens",
                query={"nocatalog": "true"},
                body={"auth": {"identity": self._identity(), "scope": {"project": {key: project}}}},
                secrets=self.secrets,
            )
            if reply.status != 201:
                raise self._refusal(reply, key, project)
            ident = project if key == "id" else _project_id(reply)
            self._tokens[ident] = _token(reply)
        except ListingError as problem:
            place = "" if isinstance(problem, AccessError) else project
            self._refused[place] = problem
            raise _final(problem) from None
        return ident

    def _identity(self) -> dict[str, Any]:
        user: dict[str, Any] = {"password": self._password}
        user["id" if _ID.fullmatch(self._name) else "name"] = self._name
        if self._domain and "name" in user:
            user["domain"] = {"id" if _ID.fullmatch(self._domain) else "name": self._domain}
        return {"methods": ["password"], "password": {"user": user}}

    def _refusal(self, reply: Reply, key: str, project: str) -> ListingError:
        said = reply.said.lower()
        if "mfa" in said or "totp" in said:
            return AccessError(
                reply.said,
                "This user needs a second factor, which nobody gives at night: use an access key, or a user for "
                "programs without it.",
                reply.status,
            )
        if "project" in said or reply.status in {400, 403, 404}:
            setting = "AUDITOR_PROJECT_ID" if key == "id" else "AUDITOR_PROJECT_NAME"
            return NotFoundError(
                f"{reply.said}: there is no project {project} for this user",
                f"Check {setting} (or OS_PROJECT_{key.upper()}), and that the user is in a group with rights in it.",
                reply.status,
            )
        if reply.status == 401:
            return AccessError(
                reply.said,
                f"Check {_WHERE}. IAM says the same of a user with MFA: use an access key then.",
                reply.status,
            )
        return ListingError(reply.said, "Check AUDITOR_IAM_ENDPOINT.", reply.status)


class PasswordAuth(AuthBase):
    """A user's token in `X-Auth-Token`: asked for when it is first needed, and once more when it ends."""

    def __init__(self, user: User, project_id: str) -> None:
        self._user = user
        self._project_id = project_id

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not turn up in any text."""
        return self._user.secrets

    def __call__(self, request: requests.PreparedRequest) -> Any:
        """Add the header. Raises `ListingError` where IAM gives no token."""
        request.headers["X-Auth-Token"] = self._user.token(self._project_id)
        request.hooks["response"] = [*request.hooks.get("response", ()), self._renew]
        return request

    def _renew(self, response: requests.Response, **options: Any) -> requests.Response:
        """The answer to the request with a new token, where the old one has ended (401)."""
        ended = response.request.headers.get("X-Auth-Token")
        if response.status_code != 401 or ended is None:
            return response
        token = self._user.renew(self._project_id, ended)
        if token is None or token == ended:
            return response
        response.close()
        again = response.request.copy()
        again.headers["X-Auth-Token"] = token
        answer: requests.Response = response.connection.send(again, **options)
        answer.request = again
        return answer


class FailedAuth(AuthBase):
    """Says for every request why there is nobody to sign in as."""

    def __init__(self, problem: ListingError) -> None:
        self._problem = problem

    def __call__(self, _: requests.PreparedRequest) -> Any:
        """Raise the `ListingError`."""
        raise _final(self._problem)


def _final(problem: ListingError) -> ListingError:
    """The same error, not to be tried again: that was done as often as it may help."""
    return type(problem)(problem.what, problem.mend, problem.status, passing=False)


def find_project(iam: Service, name: str, auth: AuthBase) -> str:
    """The id of the project of that name, by an access key or a token. Raises `ListingError`."""
    reply = iam.ask("GET", "/v3/projects", query={"name": name}, auth=auth)
    if reply.status in {401, 403}:
        raise AccessError(
            reply.said, "Set AUDITOR_PROJECT_ID: to look a name up takes the right to list projects.", reply.status
        )
    projects = reply.content.get("projects")
    if reply.status != 200 or not isinstance(projects, list):
        raise AnswerError(reply.said, "Check AUDITOR_IAM_ENDPOINT, or set AUDITOR_PROJECT_ID.", passing=False)
    found = [str(row.get("id")) for row in projects if isinstance(row, dict) and row.get("name") == name]
    if len(found) != 1 or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", found[0]):
        raise NotFoundError(
            f"{iam.host} knows {len(found) or 'no'} projects named {name}", "Set AUDITOR_PROJECT_ID.", reply.status
        )
    return found[0]


def _token(reply: Reply) -> str:
    token = reply.headers.get("X-Subject-Token", "")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise AnswerError(f"{reply.said} without a token", "Check AUDITOR_IAM_ENDPOINT.", passing=False)
    return token


def _project_id(reply: Reply) -> str:
    """The id of the project that the token is for (key `token.project.id`)."""
    level: Any = reply.content
    for key in ("token", "project", "id"):
        level = level.get(key) if isinstance(level, dict) else None
    if not isinstance(level, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", level):
        raise AnswerError(f"{reply.said} without the project's id", "Set AUDITOR_PROJECT_ID.", passing=False)
    return level
