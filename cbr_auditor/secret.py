"""Secrets that a setting names instead of holding them: `file:PATH`, `kms:CIPHERTEXT`, `csms:NAME`.

A file is read while the settings are. KMS and the secret manager are asked once a run, before anything else is, and
for settings that are in use only.
Sources: KMS API, "Decrypting Data"; DEW API, "Querying the Secret Version and Value".
"""

import re
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from cbr_auditor.access import Access
from cbr_auditor.address import check_webhook
from cbr_auditor.clock import Deadline
from cbr_auditor.cloud.service import Reply
from cbr_auditor.errors import ListingError, SettingsError
from cbr_auditor.http_retry import PATIENT, Patience
from cbr_auditor.setting_sources import REMOTE
from cbr_auditor.settings import PREFIX, SECRETS, Settings

_NEEDS = {"smtp_password": "mail_to", "webhook_secret": "webhook_url"}
"""The setting without which a secret is not in use."""


def fetch_secrets(settings: Settings, deadline: Deadline, patience: Patience = PATIENT) -> Settings:
    """The settings with what `kms:` and `csms:` stand for; the same ones where nothing does.

    Raises `SettingsError`, which names the variable and never its value.
    """
    wanted = {name: text for name in sorted(SECRETS) if (text := _remote(settings, name))}
    if not wanted:
        return settings
    vault = _Vault(settings, deadline, patience)
    fetched = {}
    for name, text in wanted.items():
        kind, _, rest = text.partition(":")
        secret = vault.decrypted(name, rest.strip()) if kind == "kms" else vault.kept(name, rest.strip())
        fetched[name] = SecretStr(_checked(name, secret.strip()))
    return settings.model_copy(update=fetched)


def _remote(settings: Settings, name: str) -> str:
    secret: SecretStr | None = getattr(settings, name)
    text = secret.get_secret_value() if secret else ""
    needed = _NEEDS.get(name)
    return text if text.startswith(REMOTE) and (needed is None or getattr(settings, needed)) else ""


def _checked(name: str, secret: str) -> str:
    if not secret:
        raise SettingsError(f"{PREFIX}{name.upper()}: the secret that it names is empty", "Store it again.")
    if name.endswith("_url"):
        try:
            check_webhook(name, secret)
        except ValueError as problem:
            raise SettingsError(
                f"{PREFIX}{name.upper()}: the secret that it names (not shown) is not valid: {problem}",
                "Store it again.",
            ) from None
    return secret


class _Vault:
    """KMS and the secret manager of the own project, asked with the credentials at hand."""

    def __init__(self, settings: Settings, deadline: Deadline, patience: Patience) -> None:
        access = Access(settings, deadline, patience)
        target, self._auth = access.own()
        self._project = target.project_id
        kms = settings.address("kms")
        self._kms = access.service("kms", kms)
        self._csms = access.service("csms", (settings.csms_endpoint or kms).rstrip("/"))

    def decrypted(self, name: str, ciphertext: str) -> str:
        """What KMS makes of the ciphertext."""
        if not re.fullmatch(r"[0-9a-zA-Z+/=]+", ciphertext):
            raise SettingsError(
                f"{PREFIX}{name.upper()}: what follows kms: is no ciphertext (its value is not shown)",
                "Set it to kms: and the cipher_text that KMS's encrypt-data gave, in base64.",
            )
        path = f"/v1.0/{self._project}/kms/decrypt-data"
        reply = self._ask(name, "POST", path, {"cipher_text": ciphertext}, ciphertext)
        return self._text(name, reply, "kms:cmk:decryptData", ("plain_text",))

    def kept(self, name: str, secret_name: str) -> str:
        """The newest version of a secret in the secret manager."""
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", secret_name):
            raise SettingsError(
                f"{PREFIX}{name.upper()}: what follows csms: is no secret's name (its value is not shown)",
                "Set it to csms: and the name that the secret has in the console.",
            )
        path = f"/v1/{self._project}/secrets/{quote(secret_name)}/versions/latest"
        reply = self._ask(name, "GET", path, None, "")
        return self._text(name, reply, "csms:secret:getVersion", ("version", "secret_string"))

    def _ask(self, name: str, method: str, path: str, body: dict[str, Any] | None, hidden: str) -> Reply:
        service = self._kms if body else self._csms
        try:
            return service.ask(method, path, body=body, auth=self._auth, secrets=(hidden,))
        except ListingError as problem:
            raise SettingsError(f"{PREFIX}{name.upper()} could not be fetched: {problem.what}", problem.mend) from None

    def _text(self, name: str, reply: Reply, action: str, keys: tuple[str, ...]) -> str:
        level: Any = reply.content
        for key in keys:
            level = level.get(key) if isinstance(level, dict) else None
        if reply.status == 200 and isinstance(level, str):
            return level
        mend = {
            401: "The token is wrong or has ended, or the access key is wrong.",
            403: f"Grant the IAM action {action} in project {self._project} to the agency or user.",
            404: f"Check that it exists in project {self._project}, and {PREFIX}REGION.",
        }.get(reply.status, "Check that it was stored in this project and region, as text and without a context.")
        what = reply.said if reply.status != 200 else f"{reply.said} without {'.'.join(keys)}"
        raise SettingsError(f"{PREFIX}{name.upper()} could not be fetched: {what}", mend)
