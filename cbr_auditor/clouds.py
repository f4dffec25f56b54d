"""Credentials that an operator has already: clouds.yaml, OS_* variables, those of Huawei's SDK. On a command line only.

A function has its agency; what an image or a shell happens to hold shall not decide which project it audits.
Sources: openstacksdk, "Configuration Files" and "Environment Variables"; the providers opentelekomcloud (OS_ACCESS_KEY,
OS_SECRET_KEY, OS_SECURITY_TOKEN) and huaweicloudsdkcore, EnvCredentialProvider (HUAWEICLOUD_SDK_*).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from cbr_auditor.address import check_endpoint
from cbr_auditor.cbr.endpoint import endpoint_of
from cbr_auditor.errors import SettingsError
from cbr_auditor.settings import PREFIX, Settings, load_settings
from cbr_auditor.suggestion import did_you_mean
from cbr_auditor.target import LOGINS
from cbr_auditor.text import one_line

_OPENSTACK = {
    "token": ("token", "auth_token"),
    "access_key": ("access_key", "ak"),
    "secret_key": ("secret_key", "sk"),
    "security_token": ("security_token",),
    "username": ("username", "user_id", "user_name"),
    "password": ("password",),
    "domain_name": ("user_domain_name", "user_domain_id", "domain_name", "domain_id"),
    "project_id": ("project_id", "tenant_id"),
    "project_name": ("project_name", "tenant_name"),
    "region": ("region_name",),
    "iam_endpoint": ("auth_url",),
}
"""Names in clouds.yaml, and behind OS_ in capitals, of each setting; the first that is set is taken."""
_SDK = {
    "access_key": "AK",
    "secret_key": "SK",
    "security_token": "SECURITY_TOKEN",
    "project_id": "PROJECT_ID",
    "iam_endpoint": "IAM_ENDPOINT",
}
_ENDINGS = (".yaml", ".yml", ".json")
_LOGINS = (("token",), ("access_key", "secret_key"), ("username", "password"))


class Found(msgspec.Struct, frozen=True):
    """Settings that were found elsewhere, and where."""

    values: dict[str, str] = {}
    place: str = ""
    """Empty where nothing was found."""


def load_for_operator(environ: Mapping[str, str], *, given: Mapping[str, Any] | None = None) -> tuple[Settings, str]:
    """The settings of a command, and where its credentials come from if from elsewhere. Raises `SettingsError`."""
    own = any(environ.get(f"{PREFIX}{name.upper()}") for name in LOGINS)
    found = find(environ, own=own)
    settings = load_settings(environ, given=given, fallbacks=found.values, beside=Path())
    named = (settings.token, settings.access_key, settings.username)
    held = {value.get_secret_value() if isinstance(value, SecretStr) else value for value in named}
    taken = held & {found.values.get(name) for name in ("token", "access_key", "username")} - {None}
    return settings, found.place if taken else ""


def find(environ: Mapping[str, str], *, own: bool = False) -> Found:
    """What the environment holds for others than us: the first that has credentials. Raises `SettingsError`.

    Where we have our `own` credentials no file is read for them.
    """
    if environ.get("OS_CLOUD") and not own:
        return _cloud(environ)
    variables = {name.removeprefix("OS_").lower(): value for name, value in environ.items() if name.startswith("OS_")}
    openstack = _translated(variables.get, lambda name: f"OS_{name.upper()}")
    if any(all(name in openstack for name in login) for login in _LOGINS):
        return Found(openstack, "OS_* variables")
    sdk = {name: value for name, key in _SDK.items() if (value := environ.get(f"HUAWEICLOUD_SDK_{key}", "").strip())}
    if sdk.get("access_key") and sdk.get("secret_key"):
        return Found(sdk, "HUAWEICLOUD_SDK_* variables")
    return Found(openstack)


def _translated(look_up: Callable[[str], Any], shown: Callable[[str], str]) -> dict[str, str]:
    """Settings from names of OpenStack; `shown` is how a name is called in a message."""
    found: dict[str, str] = {}
    for setting, names in _OPENSTACK.items():
        values = {name: str(value).strip() for name in names if isinstance(value := look_up(name), (str, int))}
        name = next((name for name, value in values.items() if value), None)
        if name is None:
            continue
        if setting == "iam_endpoint":
            _check_address(values[name], shown(name))
        found[setting] = values[name]
    if "region" not in found and (region := _region(found)):
        found["region"] = region
    return found


def _check_address(value: str, name: str) -> None:
    try:
        check_endpoint(value)
    except ValueError as problem:
        hidden = "(not shown, for it holds a secret)" if "@" in value else one_line(repr(value), 120)
        raise SettingsError(f"{name} = {hidden} is not valid: {problem}", "Mend it, or unset it.") from None


def _region(found: Mapping[str, str]) -> str | None:
    """The region that IAM's host (`iam.eu-de.otc…`) or the project's name (`eu-de_production`) tells."""
    host = urlsplit(found.get("iam_endpoint", "")).hostname or ""
    in_host = re.match(r"iam(?:-pub)?\.([a-z0-9-]+)\.", host)
    for region in (in_host[1] if in_host else "", found.get("project_name", "").partition("_")[0]):
        try:
            endpoint_of(region)
        except SettingsError:
            continue
        return region
    return None


def _cloud(environ: Mapping[str, str]) -> Found:
    """The cloud that OS_CLOUD names, from clouds.yaml, with what secure.yaml adds to it."""
    name = environ["OS_CLOUD"]
    path = next(_files(environ, "clouds", "OS_CLIENT_CONFIG_FILE"), None)
    if path is None:
        raise SettingsError(
            f"OS_CLOUD = {one_line(repr(name), 80)}, but there is no clouds.yaml",
            "Set OS_CLIENT_CONFIG_FILE to its path, or unset OS_CLOUD.",
        )
    clouds = _read(path)
    cloud = clouds.get(name)
    if not isinstance(cloud, dict):
        raise SettingsError(
            f"{path} has no cloud {one_line(repr(name), 80)}", did_you_mean(name, [str(other) for other in clouds])
        )
    secure = next(_files(environ, "secure", "OS_CLIENT_SECURE_FILE"), None)
    more = _read(secure).get(name) if secure else None
    levels = [
        level
        for table in (more, cloud)
        if isinstance(table, dict)
        for level in (table.get("auth"), table)
        if isinstance(level, dict)
    ]

    def look_up(key: str) -> Any:
        return next((level[key] for level in levels if level.get(key) not in {None, ""}), None)

    found = _translated(look_up, lambda key: f"{path}, {name}: {key}")
    if not any(all(part in found for part in login) for login in _LOGINS):
        raise SettingsError(
            f"{path}, cloud {one_line(repr(name), 80)}, has neither token, access key nor user and password",
            "Add them (secure.yaml is read too), or set AUDITOR_* variables; other kinds of login are not known here.",
        )
    return Found(found, f"OS_CLOUD = {one_line(name, 60)} in {path}")


def _files(environ: Mapping[str, str], stem: str, variable: str) -> Iterator[Path]:
    """Where such a file may lie, as far as there is one; the first one is taken."""
    if named := environ.get(variable):
        if not Path(named).is_file():
            raise SettingsError(f"{variable} = {one_line(repr(named), 120)}: there is no such file", "Mend the path.")
        yield Path(named)
    home = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    for folder in (Path(), Path(home) / "openstack", Path("/etc/openstack")):
        yield from (path for ending in _ENDINGS if (path := folder / f"{stem}{ending}").is_file())


def _read(path: Path) -> dict[Any, Any]:
    """The table `clouds` of a file. PyYAML is no dependency of the function."""
    try:
        import yaml  # noqa: PLC0415  # as the docstring says
    except ModuleNotFoundError:
        raise SettingsError(
            f"to read {path} takes PyYAML, which is not installed",
            "Install cbr-auditor[clouds] (pip install pyyaml), or set OS_* or AUDITOR_* variables and unset OS_CLOUD.",
        ) from None
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no UTF-8"
        raise SettingsError(f"{path} cannot be read: {reason}", "Check the file.") from None
    except (yaml.YAMLError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)  # the text of the error would quote lines, which hold passwords
        line = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{line}: this is no YAML (the line is not shown)", "Mend it.") from None
    clouds = content.get("clouds") if isinstance(content, dict) else None
    return clouds if isinstance(clouds, dict) else {}
