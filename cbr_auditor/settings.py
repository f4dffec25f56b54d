"""Every setting in one class: FunctionGraph user data, environment variables and auditor.toml, in that order.

A setting called `smtp_port` is `AUDITOR_SMTP_PORT` in the environment and `smtp_port` in auditor.toml; secrets and
addresses of webhooks are refused in the file. Whatever is wrong is said in one `SettingsError`, before any request.
"""

import difflib
import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnparsedError

from cbr_auditor.address import check_endpoint, check_mail_address, check_url, is_loopback
from cbr_auditor.auditor_toml import read_table
from cbr_auditor.cbr.endpoint import endpoint_of
from cbr_auditor.cbr.query import Filters, read_filters
from cbr_auditor.errors import SettingsError
from cbr_auditor.rule import Severity
from cbr_auditor.target import Credentials, TargetSettings, check_project, with_secrets
from cbr_auditor.text import one_line

PREFIX = "AUDITOR_"

_CHAT_HOSTS = {
    "slack_webhook_url": ("slack.com", "slack-gov.com"),
    "teams_webhook_url": ("powerautomate.com", "powerplatform.com", "flow.microsoft.com", "logic.azure.com"),
}


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_stripped)]
Secret = Annotated[SecretStr, BeforeValidator(_stripped)]
Addresses = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """What an operator may set. `cbr-auditor` and the function read the same names."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    region: Text | None = Field(None, description="The cloud's region, as eu-de; decides CBR's host.")
    project_id: Text | None = Field(None, description="The project whose backups are audited.")
    cbr_endpoint: Text | None = Field(None, description="CBR's address where the region's host is not it.")
    token: Secret | None = Field(None, description="A project-scoped IAM token; in the function the agency's.")
    access_key: Secret | None = Field(None, description="An access key (AK) to sign with where there is no token.")
    secret_key: Secret | None = Field(None, description="Its secret key (SK).")
    security_token: Secret | None = Field(None, description="The security token of a temporary access key.")
    ca_file: Path | None = Field(None, description="A PEM file of authorities to trust in place of the public ones.")

    out: Path | None = Field(None, description="A folder that also gets the report's files.")
    fail_on: Severity = Field(Severity.HIGH, description="The severity from which a finding makes the run fail.")
    server_disks: Literal["newest", "all", "none"] = Field(
        "newest",
        description="Of which server backups the disks are looked at: each server's newest available one, all, none.",
    )
    requests: int = Field(8, ge=1, le=64, description="How many requests may be in flight at once.")
    timezone: str = Field("Europe/Berlin", description="The time zone of the reports that people read.")
    rules_folder: Path | None = Field(None, description="A folder with rules of your own.")
    templates_folder: Path | None = Field(None, description="A folder whose templates replace ours of the same name.")

    smtp_host: Text | None = Field(None, description="The mail relay.")
    smtp_port: int | None = Field(None, ge=1, le=65535, description="Its port; 587, or 465 for tls, 25 for none.")
    smtp_username: Text | None = Field(None, description="Whom to log in as.")
    smtp_password: Secret | None = Field(None, description="That user's password.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is protected; none is accepted for loopback only."
    )
    mail_from: Text | None = Field(None, description="The sender's address.")
    mail_to: Addresses = Field((), description="The recipients' addresses, separated by commas.")

    slack_webhook_url: Secret | None = Field(None, description="A Slack incoming webhook.")
    teams_webhook_url: Secret | None = Field(None, description="A Teams Workflows webhook.")
    mattermost_webhook_url: Secret | None = Field(None, description="A Mattermost incoming webhook.")
    webhook_url: Secret | None = Field(None, description="Any address that takes the report's JSON summary.")
    webhook_secret: Secret | None = Field(
        None, description="Signs that summary as Standard Webhooks say; whsec_ and base64."
    )

    targets: tuple[TargetSettings, ...] = Field((), description="The projects to audit where they are several.")
    listing: dict[str, Any] = Field({}, description="Filters of GET /backups that narrow what is audited.")
    profile: Text = Field("essential", description="Which set of rules is on: essential, strict, bsi-c5, dora, …")
    profiles: dict[str, Any] = Field({}, description="Sets of rules of your own, by name.")
    rules: dict[str, dict[str, Any]] = Field({}, description="Options of rules; enabled = false switches one off.")
    overrides: tuple[Any, ...] = Field((), description="Other options for some resources, vaults or projects.")
    waivers: tuple[Any, ...] = Field((), description="Findings that are accepted, by whom, and until when.")
    waiver_days: int = Field(365, ge=1, le=3650, description="How many days ahead a waiver may end at most.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the mappings that `load_settings` passes in, the first one winning."""
        assert isinstance(init_settings, InitSettingsSource)
        given = init_settings.init_kwargs
        return (
            InitSettingsSource(settings_cls, given["given"]),
            _Variables(settings_cls, given["user_data"]),
            _Variables(settings_cls, given["environ"]),
            InitSettingsSource(settings_cls, given["table"]),
            InitSettingsSource(settings_cls, given["fallbacks"]),
        )

    @field_validator("cbr_endpoint")
    @classmethod
    def _check_endpoint(cls, value: str | None) -> str | None:
        return None if value is None else check_endpoint(value)

    @field_validator("slack_webhook_url", "teams_webhook_url", "mattermost_webhook_url", "webhook_url")
    @classmethod
    def _check_webhook(cls, value: SecretStr | None, info: Any) -> SecretStr | None:
        if value is None:
            return None
        host = urlsplit(check_url(value.get_secret_value())).hostname or ""
        for name, hosts in _CHAT_HOSTS.items():
            if name != info.field_name and host.endswith(hosts):
                raise ValueError(f"this looks like a webhook for {PREFIX}{name.upper()}; set it there")
        return value

    @field_validator("project_id")
    @classmethod
    def _check_project(cls, value: str | None) -> str | None:
        return None if value is None else check_project(value)

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, LookupError):
            raise ValueError("use a name of the tz database, as Europe/Berlin") from None
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_sender(cls, value: str | None) -> str | None:
        return None if value is None else check_mail_address(value)

    @field_validator("mail_to")
    @classmethod
    def _check_recipients(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(check_mail_address(address) for address in value))

    @field_validator("ca_file")
    @classmethod
    def _check_file(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        try:
            ssl.create_default_context(cafile=value)
        except ssl.SSLError:
            raise ValueError("this is no PEM file with certificates") from None
        except (OSError, ValueError):
            raise ValueError("there is no such file") from None
        return value

    @field_validator("rules_folder", "templates_folder")
    @classmethod
    def _check_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("there is no such folder")
        return value

    @field_validator("listing")
    @classmethod
    def _check_listing(cls, value: dict[str, Any]) -> dict[str, Any]:
        read_filters(value)
        return value

    @model_validator(mode="after")
    def _check_mail(self) -> "Settings":
        if self.mail_to or self.smtp_host:
            for name, value in (
                ("smtp_host", self.smtp_host),
                ("mail_from", self.mail_from),
                ("mail_to", self.mail_to),
            ):
                if not value:
                    raise SettingsError(
                        f"{PREFIX}{name.upper()} is not set, so no mail can be sent",
                        "Set it, or remove the other mail settings.",
                    )
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise SettingsError(
                f"of {PREFIX}SMTP_USERNAME and {PREFIX}SMTP_PASSWORD only one is set", "Set both or neither."
            )
        if self.smtp_security == "none" and self.smtp_host and not is_loopback(self.smtp_host):
            raise SettingsError(
                f"{PREFIX}SMTP_SECURITY = 'none' would send the report to {self.smtp_host} in clear",
                "Use starttls or tls; none is for loopback only.",
            )
        projects = [(target.project_id, target.region or self.region) for target in self.targets]
        for project in projects:
            if projects.count(project) > 1:
                raise SettingsError(
                    f"auditor.toml, [[targets]]: project {project[0]} stands twice", "Remove one of the tables."
                )
        if self.webhook_secret is not None and self.webhook_url is None:
            raise SettingsError(f"{PREFIX}WEBHOOK_SECRET is set without {PREFIX}WEBHOOK_URL", "Set both or neither.")
        return self

    @property
    def filters(self) -> Filters:
        """The filters of `[listing]`, each with its values as the API wants them."""
        return read_filters(self.listing)

    @property
    def endpoint(self) -> str:
        """CBR's address, from `cbr_endpoint` or the region. Raises `SettingsError` where neither tells."""
        if self.cbr_endpoint:
            return self.cbr_endpoint.rstrip("/")
        if not self.region:
            raise SettingsError(
                f"neither {PREFIX}REGION nor {PREFIX}CBR_ENDPOINT is set", f"Set {PREFIX}REGION, as eu-de."
            )
        return endpoint_of(self.region)

    @property
    def credentials(self) -> Credentials:
        """Token and access key of the settings themselves."""
        return Credentials(
            token=self.token,
            access_key=self.access_key,
            secret_key=self.secret_key,
            security_token=self.security_token,
        )


class _Variables(EnvSettingsSource):
    """Variables from a mapping instead of `os.environ`."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {
            name.lower(): value for name, value in self._variables.items() if name.startswith(PREFIX) and value.strip()
        }


SECRETS = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
_READ_FROM = {"rules_folder", "templates_folder", "ca_file"}
_BEFORE_SETTINGS = {"config"}  # says where auditor.toml is, so it is read before the settings are


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    user_data: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    fallbacks: Mapping[str, Any] | None = None,
    beside: Path | None = None,
) -> Settings:
    """Read the settings: `given` (the command line) wins over user data, environment, auditor.toml and `fallbacks`.

    auditor.toml is the file that `AUDITOR_CONFIG` names, else the one in the folder `beside`, if there is one. Relative
    paths of what is read begin there too: a function's working folder is not where its code is.
    Raises `SettingsError`.
    """
    environ = os.environ if environ is None else environ
    user_data = {} if user_data is None else user_data
    _refuse_unknown({**environ, **user_data})
    variables = {**environ, **user_data}
    named = user_data.get(f"{PREFIX}CONFIG") or environ.get(f"{PREFIX}CONFIG")
    table = read_table(named and str((beside or Path()) / named), beside, SECRETS)
    if "targets" in table:
        table["targets"] = with_secrets(table["targets"], lambda name: user_data.get(name) or environ.get(name) or "")
    sources = {
        "given": {name: value for name, value in (given or {}).items() if value is not None},
        "user_data": _anchored(user_data, beside),
        "environ": _anchored(environ, beside),
        "table": _anchored(table, beside),
        "fallbacks": {name: value for name, value in (fallbacks or {}).items() if value},
    }
    try:
        return Settings(**sources)  # type: ignore[arg-type]  # the five sources, not the fields
    except ValidationError as problem:
        raise _explain(problem, table, variables) from None
    except UnparsedError as problem:
        name = re.search(r'"(\w+)"', str(problem))
        variable = f"{PREFIX}{name[1].upper()}" if name else "a variable"
        raise SettingsError(
            f"{variable} cannot be read: it is no JSON object", "Write these options in auditor.toml."
        ) from None


def _anchored(values: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """The values; what is to be read from a relative path is looked for in the folder."""
    paths = {
        name: str((folder or Path()) / value)
        for name, value in values.items()
        if name.removeprefix(PREFIX).lower() in _READ_FROM and isinstance(value, str) and value.strip()
    }
    return {**values, **paths}


def _refuse_unknown(variables: Mapping[str, str]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in {*Settings.model_fields, *_BEFORE_SETTINGS}}
    for name in sorted(variables):
        if name == f"{PREFIX}TARGETS" and variables[name].strip():
            raise SettingsError(f"{name} cannot be set as a variable", "Write [[targets]] in auditor.toml.")
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            raise SettingsError(
                f"{name} is no setting",
                f"Did you mean {near[0]}?" if near else "Remove it, or see the README.",
            )


def _explain(problem: ValidationError, table: Mapping[str, Any], variables: Mapping[str, str]) -> SettingsError:
    """All that pydantic found wrong, each with the variable, the value (secrets masked) and the mend."""
    sentences = []
    for error in problem.errors(include_url=False):
        name = str(error["loc"][0]) if error["loc"] else ""
        variable = f"{PREFIX}{name.upper()}"
        nested = ".".join(str(part) for part in error["loc"])
        where = f"auditor.toml, {nested}" if name in table and variable not in variables else variable
        known = TargetSettings.model_fields if name == "targets" else Settings.model_fields
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            sentences.append(f"auditor.toml, {nested}: there is no such setting; {hint}")
            continue
        message = error["msg"].removeprefix("Value error, ")
        shown = _shown(error["input"], str(error["loc"][-1]) if error["loc"] else "")
        sentences.append(f"{where}{shown} is not valid: {message[:1].lower()}{message[1:]}")
    return SettingsError("; ".join(sentences), "Mend it; nothing was requested.")


def _shown(value: Any, name: str) -> str:
    """A refused value as the message shows it; of a secret, or a table that may hold one, not even a part."""
    if name in SECRETS or (isinstance(value, str) and "@" in value and "://" in value):
        return " = (not shown, for it holds a secret)"
    if isinstance(value, (dict, list)) or name.isdigit():
        return ""
    return f" = {one_line(repr(str(value) if isinstance(value, Path) else value), 120)}"
