"""Sessions of `requests` that follow nobody."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.cookies import extract_cookies_to_jar
from requests.hooks import default_hooks, dispatch_hook
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util.wait import wait_for_read


class Session(requests.Session):
    """Never looks where a redirect leads: `requests` would read and inflate the whole of such an answer to do so."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


class _SendsAhead(HTTPConnection):
    """What a connection is given by which a request may be sent before anybody waits for its answer."""

    _sent: tuple[str, str] | None = None

    def send_ahead(self, method: str, url: str, headers: Mapping[str, str]) -> None:
        """Send the request that `request` will be called for next."""
        self.request(method, url, headers=headers, preload_content=False, decode_content=False)
        self._sent = method, url

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
        """Send a request, if it was not sent already."""
        sent, self._sent = self._sent, None
        if sent == (method, url):
            return
        if sent is not None:
            self.close()  # or the answer to the other one would be taken for that to this one
        super().request(method, url, *arguments, **options)

    @property
    def is_connected(self) -> bool:
        """Whether it can be used. One that has something to read has broken off, but for the answer that is due."""
        return self.sock is not None if self._sent else super().is_connected

    def close(self) -> None:
        """Close it; what was sent is not answered any more."""
        self._sent = None
        super().close()


class _HostAdapter(HTTPAdapter):
    """Looks once for what all requests to one host share: its pool of connections, and what a request line shows."""

    pool: HTTPConnectionPool | None = None
    _is_verifying = False

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> HTTPConnectionPool:
        """The pool that the first request found."""
        if self.pool is None:
            pool = cast("HTTPConnectionPool", super().get_connection_with_tls_context(*arguments, **options))
            kind = pool.ConnectionCls  # over TLS or not, through a proxy of any kind or none
            pool.ConnectionCls = type(kind.__name__, (_SendsAhead, kind), {})
            self.pool = pool
        return self.pool

    def cert_verify(self, *arguments: Any, **options: Any) -> None:
        """Look for the authorities' file once."""
        if not self._is_verifying:
            super().cert_verify(*arguments, **options)  # type: ignore[no-untyped-call]
            self._is_verifying = True

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """The response; to look for cookies where none is set takes longer than all else that is done for it."""
        if "Set-Cookie" in resp.headers:
            return super().build_response(req, resp)
        response = requests.Response()
        response.status_code, response.reason = resp.status, resp.reason
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw, response.connection = resp, self
        response.request, response.url = req, req.url or ""
        return response

    def request_url(self, request: requests.PreparedRequest, _proxies: Mapping[str, str] | None) -> str:
        """The path and the query: only a proxy for plain http is shown more, and nobody asks one."""
        return request.path_url

    def send_ahead(self, request: requests.PreparedRequest, timeout: float, options: Mapping[str, Any]) -> _SendsAhead:
        """Connect where that is needed, and send; `send` with the same request then waits for the answer.

        It is what urllib3's `urlopen` does before it waits, for which there is no public name. Raises whatever comes.
        """
        pool = self.get_connection_with_tls_context(request, options["verify"], options["proxies"], options["cert"])
        self.cert_verify(pool, request.url, options["verify"], options["cert"])
        connection = cast("_SendsAhead", pool._get_conn())  # noqa: SLF001
        try:
            connection.timeout = timeout
            if connection.is_closed and pool.proxy is not None:
                pool._prepare_proxy(connection)  # noqa: SLF001
            elif connection.is_closed:
                connection.connect()
            connection.send_ahead(request.method or "GET", request.path_url, request.headers)
        except BaseException:
            connection.close()
            raise
        finally:
            pool._put_conn(connection)  # noqa: SLF001
        return connection


class HostSession(Session):
    """Asks one host many times, one request after the other.

    `requests` prepares a request and looks for proxies and certificates once, not for each request: that took a third
    of a request's time. Each has its own address, cookies, authentication and hooks.
    """

    def __init__(self, base: str, auth: AuthBase, headers: Mapping[str, str], ca_file: str | None) -> None:
        super().__init__()
        self.headers.update(headers)
        self._adapter = _HostAdapter()
        self.mount(base, self._adapter)
        self.trust_env = not base.startswith("http://")  # http is loopback only: a proxy has no business there
        self._first = self.prepare_request(requests.Request("GET", base, auth=_nobody))
        # The file is named here, or REQUESTS_CA_BUNDLE would win.
        self._options = self.merge_environment_settings(base, {}, True, ca_file or True, None)
        self._ahead: tuple[requests.PreparedRequest, _SendsAhead] | None = None
        self.auth = auth

    def ask(self, path: str, query: Mapping[str, Any], timeout: tuple[float, float]) -> requests.Response:
        """The answer to `GET` of a quoted path below the base, its body yet to be read. Raises as `requests` does.

        Where a request was sent ahead it is the answer to that one, which has to be the same.
        """
        request = self._ahead[0] if self._ahead else self._prepared(path, query)
        self._ahead = None
        options: dict[str, Any] = {**self._options, "timeout": timeout}
        response: requests.Response = self._adapter.send(request, **options)
        # What is left of the session's own `send` where nobody follows redirects: that takes a tenth of the whole.
        response = dispatch_hook("response", request.hooks, response, **options)  # type: ignore[no-untyped-call]
        if "Set-Cookie" in response.headers:
            extract_cookies_to_jar(self.cookies, request, response.raw)  # type: ignore[no-untyped-call]
        return response

    def send_ahead(self, path: str, query: Mapping[str, Any], timeout: float) -> bool:
        """Send what `ask` will be called for next, without waiting for the answer.

        False where that could not be: then `ask` sends it, and raises what there is to raise.
        """
        request = self._prepared(path, query)
        try:
            self._ahead = request, self._adapter.send_ahead(request, timeout, self._options)
        except Exception:  # noqa: BLE001  # whatever it is, `ask` comes upon it again
            return False
        return True

    @property
    def has_answer(self) -> bool:
        """Whether the answer to what was sent ahead has begun to come, or will never."""
        if self._ahead is None or self._ahead[1].sock is None:
            return True
        return wait_for_read(self._ahead[1].sock, timeout=0.0)

    def _prepared(self, path: str, query: Mapping[str, Any]) -> requests.PreparedRequest:
        request = self._first.copy()
        request.hooks = default_hooks()  # a copy shares them
        search = urlencode(query, doseq=True)
        request.url = f"{self._first.url}{path}?{search}" if search else f"{self._first.url}{path}"
        if self.cookies:  # to look for some where there are none takes a twentieth of the time of all else
            request.prepare_cookies(self.cookies)
        request.prepare_auth(self.auth)
        return request


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Sign in later; without it `requests` would look into .netrc."""
    return request
