"""Sessions of `requests` that follow nobody."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.hooks import default_hooks
from urllib3.connectionpool import ConnectionPool


class Session(requests.Session):
    """Never looks where a redirect leads: `requests` would read and inflate the whole of such an answer to do so."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


class _HostAdapter(HTTPAdapter):
    """Looks once for what all requests to one host share: its pool of connections, and what a request line shows."""

    pool: ConnectionPool | None = None

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> ConnectionPool:
        """The pool that the first request found."""
        if self.pool is None:
            self.pool = super().get_connection_with_tls_context(*arguments, **options)
        return self.pool

    def request_url(self, request: requests.PreparedRequest, _proxies: Mapping[str, str] | None) -> str:
        """The path and the query: only a proxy for plain http is shown more, and nobody asks one."""
        return request.path_url


class HostSession(Session):
    """Asks one host many times, from one thread.

    `requests` prepares a request and looks for proxies and certificates once, not for each request: that took a third
    of a request's time. Each has its own address, cookies, authentication and hooks.
    """

    def __init__(self, base: str, auth: AuthBase, headers: Mapping[str, str], ca_file: str | None) -> None:
        super().__init__()
        self.headers.update(headers)
        self.mount(base, _HostAdapter())
        self.trust_env = not base.startswith("http://")  # http is loopback only: a proxy has no business there
        self._first = self.prepare_request(requests.Request("GET", base, auth=_nobody))
        # The file is named here, or REQUESTS_CA_BUNDLE would win.
        self._options = self.merge_environment_settings(base, {}, True, ca_file or True, None)
        self.auth = auth

    def ask(self, path: str, query: Mapping[str, Any], timeout: tuple[float, float]) -> requests.Response:
        """The answer to `GET` of a quoted path below the base, its body yet to be read. Raises as `requests` does."""
        request = self._first.copy()
        request.hooks = default_hooks()  # a copy shares them
        search = urlencode(query, doseq=True)
        request.url = f"{self._first.url}{path}?{search}" if search else f"{self._first.url}{path}"
        request.prepare_cookies(self.cookies)
        request.prepare_auth(self.auth)
        return self.send(request, timeout=timeout, allow_redirects=False, **self._options)


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Sign in later; without it `requests` would look into .netrc."""
    return request
