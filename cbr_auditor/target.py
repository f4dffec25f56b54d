"""What is audited: one project of the settings, or those that `[[targets]]` in auditor.toml names."""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from requests.auth import AuthBase

from cbr_auditor.address import check_endpoint
from cbr_auditor.cbr.auth import TokenAuth
from cbr_auditor.cbr.endpoint import endpoint_of
from cbr_auditor.cbr.signature import SignatureAuth
from cbr_auditor.clock import Clock
from cbr_auditor.errors import SettingsError
from cbr_auditor.text import one_line

LOGINS = frozenset({"token", "access_key", "secret_key", "security_token", "username", "password"})
"""The settings of which one alone says that an operator brings credentials of their own."""

_PROJECT = {"project_id", "project_name"}
_SECRETS = ("token", "access_key", "secret_key", "security_token", "password")


class Credentials(BaseModel):
    """A project-scoped token, an access key, which is signed with, or a user who logs in; the first one is taken."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    token: SecretStr | None = None
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    security_token: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    domain_name: str | None = None


class TargetSettings(Credentials):
    """One table of `[[targets]]`. Its secrets come from the variables that `token_variable` and the like name."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    project_id: str = Field(description="The project whose backups are audited.")
    region: str | None = Field(None, description="Its region; that of the settings where absent.")
    name: str | None = Field(None, max_length=60, description="What the report calls it.")
    endpoint: str | None = Field(None, description="CBR's address where the region's host is not it.")

    @field_validator("project_id")
    @classmethod
    def _check_project(cls, value: str) -> str:
        return check_project(value)

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, value: str | None) -> str | None:
        return None if value is None else check_endpoint(value)

    def address(self) -> str | None:
        """CBR's address as the table itself says; None where it leaves that to the settings.

        Raises `SettingsError` for a region that is none.
        """
        if self.endpoint:
            return self.endpoint.rstrip("/")
        return endpoint_of(self.region, f"auditor.toml, [[targets]] {self.project_id} region") if self.region else None


def check_project(value: str) -> str:
    """The project's id, if it may be one. Raises `ValueError`."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
        raise ValueError("use the project's id from the console: 32 hexadecimal digits")
    return value


def check_project_name(value: str) -> str:
    """The project's name, if it may be one. Raises `ValueError`."""
    if not value.isprintable() or not 1 <= len(value) <= 64:
        raise ValueError("use the project's name from the console, as eu-de or eu-de_production")
    return value


def with_secrets(tables: Any, look_up: Callable[[str], str]) -> Any:
    """The `[[targets]]` tables with each secret taken from the variable that the table names.

    `look_up` gives a variable's value, empty where it is not set: in the function an encrypted one must be asked for.
    Raises `SettingsError` for a secret that stands in the file itself, and for a variable that is not set.
    """
    if not isinstance(tables, list):
        return tables
    return [_with_secrets(table, look_up) if isinstance(table, dict) else table for table in tables]


def _with_secrets(table: dict[str, Any], look_up: Callable[[str], str]) -> dict[str, Any]:
    place = f"auditor.toml, [[targets]] {table.get('name') or table.get('project_id') or ''}".rstrip()
    filled = dict(table)
    for name in _SECRETS:
        if name in table:
            raise SettingsError(
                f"{place}: {name} is a secret, and this file is no place for one",
                f"Put it into an encrypted variable and write its name: {name}_variable = 'PROD_{name.upper()}'.",
            )
        variable = filled.pop(f"{name}_variable", None)
        if variable is None:
            continue
        secret = look_up(variable).strip() if isinstance(variable, str) else ""
        if not secret:
            raise SettingsError(
                f"{place}: the variable that {name}_variable names is not set", "Set it, or mend its name in the file."
            )
        filled[name] = secret
    return filled


def sign_in(
    project_id: str,
    place: str,
    clock: Clock,
    *choices: Credentials,
    own_project: str | None,
    log_in: Callable[[Credentials, str], AuthBase],
) -> AuthBase:
    """How requests for a project are authorised: by the first of the choices that can.

    A token is good for the project that it was issued for alone, so one of the settings serves their own project;
    an access key or a user, whom `log_in` takes, serves every project that it has rights in. Raises `SettingsError`
    where nothing fits.
    """
    for number, choice in enumerate(choices):
        if choice.token and (number == 0 or project_id == own_project):
            return TokenAuth(choice.token.get_secret_value())
        if choice.access_key and choice.secret_key:
            return SignatureAuth(
                choice.access_key.get_secret_value(),
                choice.secret_key.get_secret_value(),
                project_id,
                clock,
                choice.security_token.get_secret_value() if choice.security_token else None,
            )
        if choice.access_key or choice.secret_key:
            raise SettingsError(f"{place}: of access key and secret key only one is set", "Set both or neither.")
        if choice.username and choice.password:
            if not choice.domain_name and not re.fullmatch("[0-9a-f]{32}", choice.username):
                raise SettingsError(
                    f"{place}: the account that the user {one_line(choice.username, 60)} belongs to is not named",
                    "Set AUDITOR_DOMAIN_NAME (OS_USER_DOMAIN_NAME) to it: OTC… in the console's My Credentials.",
                )
            return log_in(choice, project_id)
        if choice.username or choice.password:
            raise SettingsError(f"{place}: of user name and password only one is set", "Set both or neither.")
    raise SettingsError(
        f"{place}: there is no token, access key or user for project {project_id}",
        "Set AUDITOR_TOKEN, or AUDITOR_ACCESS_KEY and AUDITOR_SECRET_KEY, or AUDITOR_USERNAME, AUDITOR_PASSWORD and "
        "AUDITOR_DOMAIN_NAME; a function needs an agency instead.",
    )


def leave_out_replaced(fallbacks: Mapping[str, Any], names: AbstractSet[str]) -> dict[str, Any]:
    """The fallbacks without those of whose kind one is among the settings of these names.

    Credentials are of one kind, with the IAM that they are for; so are a project's id and its name.
    """
    replaced = set(names)
    if names & LOGINS:
        replaced |= {*Credentials.model_fields, "iam_endpoint"}
    if names & _PROJECT:
        replaced |= _PROJECT
    return {name: value for name, value in fallbacks.items() if value and name not in replaced}
