"""How a request shows who asks."""

from typing import Any

import requests
from requests.auth import AuthBase

from cbr_auditor.errors import SettingsError


class TokenAuth(AuthBase):
    """A project-scoped IAM token in `X-Auth-Token` (CBR API, "Querying All Backups", table 3)."""

    def __init__(self, token: str) -> None:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise SettingsError(
                "the IAM token has a character that no header can carry (its value is not shown)",
                "Set AUDITOR_TOKEN to the value of X-Subject-Token, without blanks or line ends.",
            )
        self._token = token
        self.secrets = (token,)
        """What must not turn up in any text."""

    def __call__(self, request: requests.PreparedRequest) -> Any:
        """Add the header."""
        request.headers["X-Auth-Token"] = self._token
        return request
