"""Reads serverless.yml, and the zip that it names; whatever is wrong with them is said before any request."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cbr_auditor.deploy.artifact import Code, read_zip
from cbr_auditor.deploy.description import Event, Function, Logs, Provider, Timer, Vpc
from cbr_auditor.deploy.variables import resolve
from cbr_auditor.errors import SettingsError
from cbr_auditor.setting_refusal import refuse_unknown
from cbr_auditor.settings import Settings
from cbr_auditor.suggestion import did_you_mean
from cbr_auditor.text import one_line

T = TypeVar("T", bound=BaseModel)

PROVIDER = "functiongraph"
# Serverless's own keys, which say nothing about the function.
_LEFT_TO_SERVERLESS = {"configValidationMode", "custom", "frameworkVersion", "params", "plugins", "useDotenv"}
_READ = {"functions", "package", "provider", "service"}
_TABLES: tuple[type[BaseModel], ...] = (Provider, Function, Event, Timer, Logs, Vpc)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A function as it is to be: where, of which zip, with what around it."""

    provider: Provider
    function: Function
    artifact: Path
    empty: frozenset[str] = frozenset()
    """Variables, and `onFailure`, that are described, but with an empty value: what they come from is not set here."""

    def urn(self, project_id: str) -> str:
        """The function's URN without a version (API, "Function Model")."""
        return f"urn:fss:{self.provider.region}:{project_id}:function:default:{self.function.name}"

    def code(self) -> Code:
        """The zip. Raises `SettingsError` where it is none that the function can run."""
        return read_zip(self.artifact, self.provider.runtime, self.function.handler)


def load_deployment(file: str, environ: Mapping[str, str] | None = None) -> Deployment:
    """Read a serverless.yml, or `-` for the same as JSON on stdin. Raises `SettingsError`."""
    environ = os.environ if environ is None else environ
    place = "the description on stdin" if file == "-" else file
    document = _parse(file, place)
    if file != "-":
        document = resolve(document, environ, f"{place}, ")
    empty = _empty(document)
    document = _without_empty(document)
    for key in document:
        if key not in _READ | _LEFT_TO_SERVERLESS:
            raise SettingsError(f"{place}: there is no key {one_line(key)!r}", did_you_mean(str(key), _READ))
    provider = _provider(document, place)
    function = _function(document, place)
    artifact = _table(document, "package", place).get("artifact")
    if not isinstance(artifact, str):
        raise SettingsError(f"{place}: package.artifact is not set", "Name the zip that `cbr-auditor package` built.")
    folder = Path() if file == "-" else Path(file).parent
    return Deployment(provider, function, folder / artifact, empty)


def _parse(file: str, place: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is no UTF-8"
        raise SettingsError(f"{place} cannot be read: {why}", "Name the file with --file.") from None
    try:
        document = json.loads(text) if file == "-" else _yaml(text, place)
    except (ValueError, RecursionError) as problem:
        raise SettingsError(f"{place} is no JSON: {problem}", "Let the Serverless plugin write it.") from None
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise SettingsError(f"{place} holds no table of settings", "Compare it with the repository's serverless.yml.")
    return document


def _yaml(text: str, place: str) -> Any:
    try:
        import yaml  # noqa: PLC0415  # not among the function's libraries: only who deploys needs it
    except ImportError:
        raise SettingsError(
            "PyYAML, which reads serverless.yml, is not installed", f"Run: {sys.executable} -m pip install pyyaml"
        ) from None
    try:
        return yaml.load(text, Loader=_unique_keys(yaml))  # noqa: S506  # a SafeLoader
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        why = one_line(str(getattr(problem, "problem", None) or "it cannot be read"), 120)
        raise SettingsError(f"{place}{line}: this is no YAML: {why}", "Mend the line.") from None


def _unique_keys(yaml: Any) -> Any:
    """A safe loader that refuses a key that stands twice, where YAML's own would keep the last one silently."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
                seen.add(key.value if isinstance(key.value, str) else id(key))
            return super().construct_mapping(node, deep)

    return Loader


def _without_empty(value: Any) -> Any:
    """The value without keys whose text is empty: `${env:NAME, ''}` leaves out what the environment does not set."""
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items() if item is not None and item != ""}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _empty(document: dict[str, Any]) -> frozenset[str]:
    """The names that have an empty value in the function's table or its variables."""
    functions = document.get("functions")
    tables = [table for table in functions.values() if isinstance(table, dict)] if isinstance(functions, dict) else []
    held = [
        group
        for table in tables
        for group in (table, table.get("environment"), table.get("encrypted"))
        if isinstance(group, dict)
    ]
    return frozenset(str(name) for group in held for name, value in group.items() if value in ("", None))


def _provider(document: dict[str, Any], place: str) -> Provider:
    table = dict(_table(document, "provider", place))
    name = table.pop("name", None)
    table.pop("stage", None)  # a part of the function's default name
    if name != PROVIDER:
        raise SettingsError(f"{place}: provider.name is {one_line(repr(name))}", f"Write name: {PROVIDER}.")
    return _model(Provider, table, f"{place}, provider")


def _function(document: dict[str, Any], place: str) -> Function:
    functions = _table(document, "functions", place)
    if len(functions) != 1:
        raise SettingsError(f"{place}: functions has {len(functions)} entries", "Describe one function in one file.")
    key = str(next(iter(functions)))
    table = dict(_table(functions, key, place))
    table.pop("package", None)  # Serverless puts an empty one in
    stage = _table(document, "provider", place).get("stage", "dev")
    table.setdefault("name", f"{document.get('service', 'cbr-auditor')}-{stage}-{key}")
    function = _model(Function, table, f"{place}, functions.{key}")
    try:
        refuse_unknown({**function.plain, **function.secret}, {*Settings.model_fields, "config"})
    except SettingsError as problem:  # the function would say so too, but at its first run only
        raise SettingsError(f"{place}, functions.{key}: {problem.what}", problem.mend) from None
    return function


def _table(document: dict[str, Any], key: str, place: str) -> dict[str, Any]:
    table = document.get(key)
    if not isinstance(table, dict):
        raise SettingsError(f"{place}: there is no table {key}", "Compare it with the repository's serverless.yml.")
    return table


def _model(model: type[T], table: dict[str, Any], place: str) -> T:
    try:
        return model.model_validate(table)
    except ValidationError as problem:
        sentences = [_sentence(error, place) for error in problem.errors(include_url=False, include_input=False)]
        raise SettingsError("; ".join(sentences), "Mend it; nothing was requested.") from None


def _sentence(error: Any, place: str) -> str:
    """What pydantic found wrong in one place; never the value, for it may be a secret."""
    path = [str(part) for part in error["loc"] if part not in {"bool", "Logs", "str", "int"}]
    where = ".".join([place, *path])
    if error["type"] == "extra_forbidden":
        known = {field.alias or name for model in _TABLES for name, field in model.model_fields.items()}
        return f"{where}: there is no such key. {did_you_mean(path[-1], known)}".rstrip(".")
    message = error["msg"]
    ours = message.removeprefix("Value error, ")
    return f"{where} is not valid: {ours if ours != message else message[:1].lower() + message[1:]}"


def is_secret(name: str) -> bool:
    """Whether a variable's value is never shown: all but the settings that are known to be harmless."""
    setting = Settings.model_fields.get(name.removeprefix("AUDITOR_").lower())
    return not name.startswith("AUDITOR_") or setting is None or "SecretStr" in str(setting.annotation)
