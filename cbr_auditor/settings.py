"""Every setting in one class: FunctionGraph user data, environment variables and auditor.toml, in that order.

A setting called `smtp_port` is `AUDITOR_SMTP_PORT` in the environment and `smtp_port` in auditor.toml; secrets and
addresses of webhooks are refused in the file. Whatever is wrong is said in one `SettingsError`, before any request.
"""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnparsedError

from cbr_auditor import setting_sources
from cbr_auditor.address import check_endpoint, check_mail_address, check_webhook, is_loopback
from cbr_auditor.auditor_toml import read_table
from cbr_auditor.cbr.endpoint import endpoint_of
from cbr_auditor.cbr.query import Filters, read_filters
from cbr_auditor.errors import SettingsError
from cbr_auditor.formats import FORMATS
from cbr_auditor.rule import Severity
from cbr_auditor.setting_refusal import explain, refuse_unknown
from cbr_auditor.setting_sources import REMOTE, Variables, names_of, read_secret, read_values
from cbr_auditor.suggestion import did_you_mean
from cbr_auditor.target import (
    Credentials,
    TargetSettings,
    check_project,
    check_project_name,
    leave_out_replaced,
    with_secrets,
)
from cbr_auditor.text import one_line

PREFIX = setting_sources.PREFIX


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_stripped)]
Secret = Annotated[SecretStr, BeforeValidator(_stripped)]
Addresses = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """What an operator may set. `cbr-auditor` and the function read the same names."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    region: Text | None = Field(None, description="The cloud's region, as eu-de; decides CBR's host.")
    project_id: Text | None = Field(None, description="The project whose backups are audited.")
    project_name: Text | None = Field(None, description="Its name, where the id is not set: IAM is asked for it.")
    cbr_endpoint: Text | None = Field(None, description="CBR's address where the region's host is not it.")
    iam_endpoint: Text | None = Field(None, description="IAM's address where the region's host is not it.")
    kms_endpoint: Text | None = Field(None, description="KMS's address where the region's host is not it.")
    csms_endpoint: Text | None = Field(None, description="The secret manager's address where it is not KMS's.")
    token: Secret | None = Field(None, description="A project-scoped IAM token; in the function the agency's.")
    access_key: Secret | None = Field(None, description="An access key (AK) to sign with where there is no token.")
    secret_key: Secret | None = Field(None, description="Its secret key (SK).")
    security_token: Secret | None = Field(None, description="The security token of a temporary access key.")
    username: Text | None = Field(None, description="A user to log in as where there is neither; a name or an id.")
    password: Secret | None = Field(None, description="That user's password.")
    domain_name: Text | None = Field(
        None, description="The account (domain) that the user belongs to; a name or an id."
    )
    ca_file: Path | None = Field(None, description="A PEM file of authorities to trust in place of the public ones.")

    out: Path | None = Field(None, description="A folder that also gets the report's files.")
    formats: Names = Field((), description="Formats for other systems, in that folder too: ocsf, sarif, junit.")
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
            Variables(settings_cls, given["user_data"]),
            Variables(settings_cls, given["environ"]),
            InitSettingsSource(settings_cls, given["table"]),
            InitSettingsSource(settings_cls, given["fallbacks"]),
        )

    @field_validator("cbr_endpoint", "iam_endpoint", "kms_endpoint", "csms_endpoint")
    @classmethod
    def _check_endpoint(cls, value: str | None) -> str | None:
        return None if value is None else check_endpoint(value)

    @field_validator("slack_webhook_url", "teams_webhook_url", "mattermost_webhook_url", "webhook_url")
    @classmethod
    def _check_webhook(cls, value: SecretStr | None, info: Any) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(REMOTE):
            check_webhook(info.field_name, value.get_secret_value())
        return value

    @field_validator("project_id", "project_name")
    @classmethod
    def _check_project(cls, value: str | None, info: Any) -> str | None:
        check = check_project if info.field_name == "project_id" else check_project_name
        return None if value is None else check(value)

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

    @field_validator("formats")
    @classmethod
    def _check_formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in FORMATS:
                raise ValueError(f"there is no format {one_line(repr(name), 80)}. {did_you_mean(name, FORMATS)}")
        return tuple(dict.fromkeys(value))

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
    def _check_out(self) -> "Settings":
        if self.formats and self.out is None:
            raise SettingsError(
                f"{PREFIX}FORMATS = {', '.join(self.formats)} has no folder to be written to",
                f"Set {PREFIX}OUT, or run --out.",
            )
        return self

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
        return self.address("cbr")

    def address(self, service: Literal["cbr", "iam", "kms"]) -> str:
        """A service's address, from its own setting or the region. Raises `SettingsError` where neither tells."""
        own: str | None = getattr(self, f"{service}_endpoint")
        if own:
            return own.rstrip("/").removesuffix("/v3")  # OS_AUTH_URL has it behind IAM's
        if not self.region:
            raise SettingsError(
                f"neither {PREFIX}REGION nor {PREFIX}{service.upper()}_ENDPOINT is set",
                f"Set {PREFIX}REGION, as eu-de.",
            )
        return endpoint_of(self.region, service=service)

    @property
    def names_secrets(self) -> bool:
        """Whether a secret is to be fetched from KMS or the secret manager."""
        values: list[SecretStr | None] = [getattr(self, name) for name in SECRETS]
        return any(value is not None and value.get_secret_value().startswith(REMOTE) for value in values)

    @property
    def credentials(self) -> Credentials:
        """Token and access key of the settings themselves."""
        return Credentials(
            token=self.token,
            access_key=self.access_key,
            secret_key=self.secret_key,
            security_token=self.security_token,
            username=self.username,
            password=self.password,
            domain_name=self.domain_name,
        )


SECRETS = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
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
    variables = {**environ, **user_data}
    refuse_unknown(variables, {*Settings.model_fields, *_BEFORE_SETTINGS})
    named = user_data.get(f"{PREFIX}CONFIG") or environ.get(f"{PREFIX}CONFIG")
    table = read_table(named and str((beside or Path()) / named), beside, SECRETS)
    if "targets" in table:
        table["targets"] = with_secrets(
            table["targets"],
            lambda name: read_secret(name, user_data.get(name) or environ.get(name) or "", beside, credential=True),
        )
    sources = {
        "given": {name: value for name, value in (given or {}).items() if value is not None},
        "user_data": read_values(user_data, beside, SECRETS),
        "environ": read_values(environ, beside, SECRETS),
        "table": read_values(table, beside, SECRETS),
    }
    names = names_of(variables, sources["given"], sources["table"])
    sources["fallbacks"] = leave_out_replaced(fallbacks or {}, names)
    try:
        return Settings(**sources)  # type: ignore[arg-type]  # the five sources, not the fields
    except ValidationError as problem:
        raise explain(problem, table, variables, Settings.model_fields, SECRETS) from None
    except UnparsedError as problem:
        name = re.search(r'"(\w+)"', str(problem))
        variable = f"{PREFIX}{name[1].upper()}" if name else "a variable"
        raise SettingsError(
            f"{variable} cannot be read: it is no JSON object", "Write these options in auditor.toml."
        ) from None
