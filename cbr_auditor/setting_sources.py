"""Where settings are read from, before anything is known about them but their names."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource

from cbr_auditor.errors import SettingsError
from cbr_auditor.target import Credentials

PREFIX = "AUDITOR_"
REMOTE = ("kms:", "csms:")
"""How a secret begins that is kept elsewhere and fetched before it is needed."""

_READ_FROM = {"rules_folder", "templates_folder", "ca_file"}


class Variables(EnvSettingsSource):
    """Variables from a mapping instead of `os.environ`."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {
            name.lower(): value for name, value in self._variables.items() if name.startswith(PREFIX) and value.strip()
        }


def read_values(values: Mapping[str, Any], folder: Path | None, secrets: AbstractSet[str]) -> dict[str, Any]:
    """The values; relative paths of what is read begin in the folder, and a secret that lies in a file is read.

    Raises `SettingsError`.
    """
    read = dict(values)
    for name, value in values.items():
        setting = name.removeprefix(PREFIX).lower()
        if not isinstance(value, str) or not value.strip():
            continue
        if setting in _READ_FROM:
            read[name] = str((folder or Path()) / value)
        elif setting in secrets:
            read[name] = read_secret(name, value, folder, credential=setting in Credentials.model_fields)
    return read


def read_secret(variable: str, value: str, folder: Path | None, *, credential: bool) -> str:
    """The secret of a variable, from its file where it names one. Raises `SettingsError`.

    A credential cannot be fetched, for it takes credentials to fetch.
    """
    if value.strip().startswith("file:"):
        from cbr_auditor.secret_file import read_file  # noqa: PLC0415  # few settings name a file

        return read_file(variable, value.strip(), folder)
    if credential and value.strip().startswith(REMOTE):
        raise SettingsError(
            f"{variable} is one of the very credentials that it would take to fetch it",
            "Set it itself, encrypted, or as file:PATH; kms: and csms: are for passwords and webhooks.",
        )
    return value


def names_of(variables: Mapping[str, str], *tables: Mapping[str, Any]) -> set[str]:
    """The settings that have a value, among variables, of which many are not ours, or in tables of settings."""
    ours = {name.removeprefix(PREFIX).lower() for name, value in variables.items() if name.startswith(PREFIX) and value}
    return ours.union(*({name for name, value in table.items() if value} for table in tables))
