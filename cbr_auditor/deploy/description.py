"""What is to be deployed, as serverless.yml describes it: for `cbr-auditor deploy` and for Serverless alike.

Limits: FunctionGraph API, "Creating a Function", and user guide, "Notes and Constraints".
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from cbr_auditor.address import check_endpoint
from cbr_auditor.deploy.schedule import check_schedule
from cbr_auditor.settings import PREFIX, SECRETS
from cbr_auditor.target import check_project

MOST_VARIABLES = 20
MOST_CHARACTERS = 4096  # names and values of all variables together (user guide, "Configuring Environment Variables")
_NAME = r"[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?"
_PLATFORM = ("RUNTIME_",)

Memory = Literal[128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 8192, 10240]
Variables = dict[str, str | int]


class _Table(BaseModel):
    """One table of the file; its keys are written in camelCase."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True, strict=True
    )


class Provider(_Table):
    """The table `provider`: where the function runs."""

    region: str = Field(description="The region, as eu-de; it is a part of the function's URN.")
    project_id: str | None = Field(None, description="The project that the function is in; else AUDITOR_PROJECT_ID's.")
    endpoint: str | None = Field(None, description="FunctionGraph's address where the region's host is not it.")
    lts_endpoint: str | None = Field(None, description="The log service's address where the region's host is not it.")
    runtime: Literal["Python3.10", "Python3.12"] = Field(
        "Python3.10", description="The function's Python; 3.12 is Open Telekom Cloud's alone."
    )

    @field_validator("endpoint", "lts_endpoint")
    @classmethod
    def _check_endpoint(cls, value: str | None) -> str | None:
        return value and check_endpoint(value).rstrip("/")

    @field_validator("project_id")
    @classmethod
    def _check_project(cls, value: str | None) -> str | None:
        return value and check_project(value)

    @field_validator("region")
    @classmethod
    def _check_region(cls, value: str) -> str:
        if not re.fullmatch("[a-z0-9-]{1,64}", value):
            raise ValueError("use the region's name, as eu-de")
        return value


class Timer(_Table):
    """An event `timer`."""

    name: str = Field(description="The timer's name.")
    schedule: str = Field(
        description="When it fires: CRON_TZ=ZONE and a cron expression, @every 90m, or a rate as 1d.",
        json_schema_extra={"pattern": r"^(CRON_TZ=\S+( \S+){5,6}|@every \S+|[0-9]+[mhd])$"},
    )
    enabled: bool = Field(True, description="Whether it fires.")
    user_event: str = Field("", max_length=2048, description="Text that the function gets as user_event.")

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,63}", value):
            raise ValueError("use at most 64 letters, digits, - and _, a letter first")
        return value

    @field_validator("schedule")
    @classmethod
    def _check_schedule(cls, value: str) -> str:
        return check_schedule(value)


class Logs(_Table):
    """A log group and stream of the log service (LTS) that exist already."""

    group_id: str = Field(description="The log group's id.")
    group_name: str = Field(description="Its name.")
    stream_id: str = Field(description="The log stream's id.")
    stream_name: str = Field(description="Its name.")


class Vpc(_Table):
    """The network that the function is attached to; it then reaches the internet through a NAT gateway alone."""

    vpc_id: str = Field(description="The VPC's id.")
    subnet_id: str = Field(description="The subnet's id.")


class Event(_Table):
    """One entry of `events`."""

    timer: Timer


class Function(_Table):
    """The one table of `functions`."""

    name: str = Field(description="The function's name.")
    handler: str = Field("handler.handler", description="Where the code is entered.")
    description: str = Field("", max_length=512, description="What the console shows.")
    memory_size: Memory = Field(256, description="MB.")
    timeout: int = Field(900, ge=3, le=259_200, description="Seconds until the function is killed.")
    agency: str | None = Field(None, description="The agency that gives the function its rights.")
    execution_agency: str | None = Field(None, description="Another agency for the code alone.")
    environment: Variables = Field({}, description="Plain variables; everybody with access to the console reads them.")
    encrypted: Variables = Field({}, description="Encrypted variables, for secrets.")
    max_instances: int = Field(1, ge=1, le=1000, description="How many runs there may be at once.")
    retries: int = Field(0, ge=0, le=3, description="How often a failed run is tried again; each may mail again.")
    max_event_age: int = Field(3600, ge=1, le=86_400, description="Seconds after which a run that waits is dropped.")
    on_failure: str | None = Field(None, description="The SMN topic's URN that is told of a failed run.")
    alias: str | None = Field(None, description="Publish a version at each deployment and let this alias lead to it.")
    logs: bool | Logs = Field(True, description="Whether its log is kept (billed), or the group and stream for it.")
    vpc: Vpc | None = Field(None, description="The network that the function is attached to.")
    events: Annotated[list[Event], Field(max_length=10)] = Field([], description="The timers.")

    @field_validator("name", "alias")
    @classmethod
    def _check_name(cls, value: str | None) -> str | None:
        if value and (len(value) > 60 or not re.fullmatch(_NAME, value)):
            raise ValueError("use at most 60 letters, digits, - and _, a letter first, and a letter or digit last")
        return value

    @field_validator("handler")
    @classmethod
    def _check_handler(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_/-]+\.[A-Za-z0-9_]+", value) or len(value) > 128:
            raise ValueError("write file.function, as handler.handler")
        return value

    @field_validator("on_failure")
    @classmethod
    def _check_topic(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"urn:smn:[^:\s]+:[^:\s]+:[^:\s]+", value):
            raise ValueError("use the topic's URN from the console, urn:smn:REGION:PROJECT:NAME")
        return value

    @field_validator("environment", "encrypted")
    @classmethod
    def _check_variables(cls, value: Variables) -> Variables:
        for name in value:
            if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) or name.startswith(_PLATFORM):
                raise ValueError(
                    f"{name!r} is no variable's name: use letters, digits and _; RUNTIME_ is the platform's"
                )
        if len(value) > MOST_VARIABLES:
            raise ValueError(
                f"{len(value)} variables are more than FunctionGraph's {MOST_VARIABLES}: move some to auditor.toml"
            )
        return {name: str(text) for name, text in value.items()}

    @model_validator(mode="after")
    def _check_together(self) -> "Function":
        size = sum(len(name) + len(value) for name, value in (*self.plain.items(), *self.secret.items()))
        if size > MOST_CHARACTERS:
            raise ValueError(
                f"the variables have {size} characters, more than FunctionGraph's {MOST_CHARACTERS}: "
                "move some to auditor.toml"
            )
        if twice := sorted(self.plain.keys() & self.secret.keys()):
            raise ValueError(f"{twice[0]} is set plain and encrypted: remove one of them")
        for name in self.plain:
            if name.removeprefix(PREFIX).lower() in SECRETS and name.startswith(PREFIX):
                raise ValueError(f"{name} is a secret: move it from environment to encrypted")
        names = [timer.name for timer in self.timers]
        if len(set(names)) < len(names):
            raise ValueError("two timers have the same name: rename one")
        return self

    @property
    def plain(self) -> Mapping[str, str]:
        """The plain variables as they are sent."""
        return {name: str(value) for name, value in self.environment.items()}

    @property
    def secret(self) -> Mapping[str, str]:
        """The encrypted variables as they are sent."""
        return {name: str(value) for name, value in self.encrypted.items()}

    @property
    def timers(self) -> list[Timer]:
        """The timers of `events`."""
        return [event.timer for event in self.events]


def plugin_schema() -> dict[str, Any]:
    """The JSON schemas that the Serverless plugin gives to Serverless, which itself knows `name` and `events`."""
    schemas = {}
    for key, model in (("provider", Provider), ("function", Function), ("timer", Timer)):
        schema = model.model_json_schema(by_alias=True)
        schema = _inlined({name: part for name, part in schema.items() if name != "$defs"}, schema.get("$defs", {}))
        if model is Function:
            for name in ("name", "events"):
                del schema["properties"][name]
            del schema["required"]
        schemas[key] = schema
    return schemas


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with each reference replaced by what it leads to, without titles and defaults."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        return _inlined({**choices[0], **{key: part for key, part in schema.items() if key != "anyOf"}}, definitions)
    # A property may itself be called title or default; those of the schema are texts and values.
    return {
        key: {name: _inlined(part, definitions) for name, part in item.items()}
        if key == "properties"
        else _inlined(item, definitions)
        for key, item in schema.items()
        if key not in {"title", "default"}
    }
