"""One project's CBR over HTTP: requests that are retried within the deadline, errors that a person can act on."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from cbr_auditor import __version__
from cbr_auditor.cbr.loose import loads
from cbr_auditor.cbr.pending import Pending
from cbr_auditor.cbr.query import Filters
from cbr_auditor.cbr.reading import read_backup, read_page
from cbr_auditor.cbr.records import Backup, Page
from cbr_auditor.cbr.refusal import read_error, refusal, unreachable
from cbr_auditor.cbr.rows import RecordPage
from cbr_auditor.cbr.slots import Share, Slots
from cbr_auditor.cbr.tasks import Task, read_tasks
from cbr_auditor.clock import Deadline
from cbr_auditor.errors import AnswerError, ListingError, UnreachableError
from cbr_auditor.http_retry import PATIENT, Patience, insist, retry_after
from cbr_auditor.http_session import HostSession
from cbr_auditor.mask import Mask
from cbr_auditor.text import one_line

T = TypeVar("T")

_GET_ACTIONS = {
    "backups": "cbr:backups:get",
    "vaults": "cbr:vaults:get",
    "policies": "cbr:policies:get",
    "operation-logs": "cbr:tasks:get",
}

PAGE_LIMIT = 1000  # the largest that the API gives (table 4, `limit`)
LARGEST_BODY = 64 * 2**20  # bytes after inflating; 1000 records are 1 to 2 MiB
_CHUNK = 2**17  # bytes that are read at once: more would be fresh memory each time, which takes longer than to copy it
_LARGEST_SPARE = 4 * 2**20  # bytes of a body whose memory is used again
_HEADERS = {
    "User-Agent": f"cbr-auditor/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}


class _Request:
    """One request, with what it holds until its answer was read: a slot, and the session that it was sent on."""

    def __init__(self, path: str, query: Mapping[str, Any], action: str) -> None:
        self.path = path
        self.query = query
        self.action = action
        self.has_slot = False
        self.session: HostSession | None = None
        self.body: bytearray | None = None
        """The answer, where it was read before it was needed."""
        self.failed: ListingError | None = None
        """Why there is no answer, where that was known before it was needed."""


class CbrClient:
    """Reads one project.

    `slots` bounds the requests in flight, of this client and of whoever shares them; `timeout` is how many seconds one
    answer may be silent.
    A request is given up when `patience` ends (after at least 8 tries and at least 30 s), and never past the deadline.

    Requests are sent ahead, and their answers read once they are needed, by one thread: threads that read them for it
    would take turns with it on every few bytes, which took a fifth of an audit's time.
    """

    def __init__(
        self,
        endpoint: str,
        project_id: str,
        auth: AuthBase,
        deadline: Deadline,
        *,
        slots: Slots | None = None,
        ca_file: str | None = None,
        timeout: float = 30.0,
        patience: Patience = PATIENT,
    ) -> None:
        self.project_id = project_id
        self._base = f"{endpoint.rstrip('/')}/v3/{quote(project_id, safe='')}"
        self._host = urlsplit(endpoint).hostname or endpoint
        self.auth = auth
        self._deadline = deadline
        self._timeout = timeout
        self._patience = patience
        self._slots = Share(slots or Slots(8))
        self._ca_file = ca_file
        self._sessions: list[HostSession] = []
        self._idle: list[HostSession] = []
        self._ahead: dict[int, _Request] = {}
        """Those that were sent and whose answers nobody waits for yet."""
        self._may_send_ahead = True
        """Not where it failed, until an answer has come: to fail takes time, and is explained once it is needed."""
        self._spare: list[bytearray] = []
        """Bodies that were read, for the next ones: fresh memory for each page would take longer than its request."""

    def ask_page(self, offset: int, filters: Filters) -> Pending[Page]:
        """One page of `GET /backups`, oldest first. `offset` counts rows and is left out where it is 0.

        To take it raises `ListingError`.
        """
        query: dict[str, Any] = {**filters, "limit": PAGE_LIMIT, "sort": "created_at:asc,id:asc"}
        if offset:
            query["offset"] = offset
        return self._ask(_Request("/backups", query, "cbr:backups:list"), read_page)

    def ask_backup(self, backup_id: str) -> Pending[Backup]:
        """One backup with its disks, by `GET /backups/{id}`.

        To take it raises `ListingError`; `NotFoundError` where it was deleted meanwhile.
        """
        return self._ask(_Request(f"/backups/{quote(backup_id, safe='')}", {}, "cbr:backups:get"), read_backup)

    def failed_tasks(self, offset: int, since: datetime) -> RecordPage[Task]:
        """One page of the backup tasks that failed `since`, by `GET /operation-logs`.

        Raises `ListingError`.
        """
        query: dict[str, Any] = {
            "status": "failed",
            "operation_type": "backup",
            "start_time": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "limit": PAGE_LIMIT,
        }
        if offset:
            query["offset"] = offset
        return self.get("/operation-logs", query, read_tasks, action="cbr:tasks:list")

    def record(self, kind: str, ident: str) -> dict[str, Any]:
        """One record as CBR gives it, of `backups`, `vaults`, `policies` or `operation-logs`. Raises `ListingError`."""
        return self.get(f"/{kind}/{quote(ident, safe='')}", {}, _record, action=_GET_ACTIONS[kind])

    def get(self, path: str, query: Mapping[str, Any], read: Callable[[bytearray], T], *, action: str) -> T:
        """What `read` makes of the answer of `GET path`, which is overwritten then; `action` is the IAM action.

        Raises `ListingError`.
        """
        return self._answer(_Request(path, query, action), read)

    def _ask(self, request: _Request, read: Callable[[bytearray], T]) -> Pending[T]:
        """Send a request whose answer is needed later; where that cannot be it is sent when the answer is taken."""
        if self._may_send_ahead and self._slots.take_now():
            request.has_slot = True
            self._ahead[id(request)] = request
            try:
                with self._explained():
                    session = request.session = self._free_session()
                    sent = session.send_ahead(request.path, request.query, min(10.0, self._seconds()))
            except ListingError as problem:  # nobody can sign in, say
                request.failed, sent = problem, False
            if not sent:
                self._may_send_ahead = False
                self._free(request)
        return Pending(lambda: self._answer(request, read), lambda: self._release(request), lambda: self._look(request))

    def _answer(self, request: _Request, read: Callable[[bytearray], T]) -> T:
        self._ahead.pop(id(request), None)

        def attempt() -> T:
            failed, request.failed = request.failed, None
            if failed is not None:
                raise failed
            body, request.body = request.body, None
            if body is None:
                if not request.has_slot:
                    self._take_slot(request)
                body = self._body_of(request)
            result = self._read(body, read)
            self._spend(body)
            self._may_send_ahead = True
            return result

        try:
            if request.body is not None:
                try:
                    return attempt()  # what has come is read however late it is
                except AnswerError as problem:
                    request.failed = problem
            return insist(attempt, self._deadline, self._patience, self._look_ahead)
        finally:
            self._release(request)

    def _take_slot(self, request: _Request) -> None:
        """Wait for a slot only with none in hand, or all might be held by clients that wait for one more."""
        if not self._slots.take_now():
            if self._ahead:
                _, latest = self._ahead.popitem()
                latest.has_slot = False
                self._release(latest)
            else:
                self._slots.take()
        request.has_slot = True

    def _release(self, request: _Request) -> None:
        """Give back what a request holds, whether its answer was read or not."""
        self._ahead.pop(id(request), None)
        self._free(request)
        if request.has_slot:
            request.has_slot = False
            self._slots.give()

    def _free(self, request: _Request) -> None:
        """Give up the session that a request was sent on: its answer may come at any time."""
        session, request.session = request.session, None
        if session is not None:
            self._sessions.remove(session)
            session.close()

    def _look_ahead(self) -> None:
        """Read, before a pause, what has come meanwhile of what was sent ahead: so several that fail pause together."""
        for request in list(self._ahead.values()):
            if request.session is not None and request.session.has_answer:
                self._look(request)

    def _look(self, request: _Request) -> ListingError | None:
        """Wait for the answer to what was sent ahead, and keep it or its error; another request may have the slot."""
        if request.session is None:
            return request.failed
        self._ahead.pop(id(request), None)
        try:
            self._deadline.check()
            request.body = self._body_of(request)
        except ListingError as problem:
            problem.at = self._deadline.clock.monotonic()
            request.failed = problem
        finally:
            self._release(request)
        return request.failed

    def _spend(self, body: bytearray) -> None:
        """Let a body that was read be overwritten by another one."""
        if len(body) <= _LARGEST_SPARE:
            self._spare.append(body)

    @contextmanager
    def at_most(self, share: float, what: str) -> Iterator[None]:
        """Within it, asking about `what` takes at most that share of the time that is left."""
        whole = self._deadline
        self._deadline = whole.part(share, what)
        try:
            yield
        finally:
            self._deadline = whole

    def close(self) -> None:
        """Close every connection."""
        for request in list(self._ahead.values()):
            self._release(request)
        for session in self._sessions:
            session.close()
        self._slots.close()

    def _read(self, body: bytearray, read: Callable[[bytearray], T]) -> T:
        try:
            return read(body)
        except AnswerError:
            body = self._masked(body)
            code, text, _ = read_error(body)
            if code or text:
                raise AnswerError(f"{self._host} answered 200 with an error ({one_line(f'{code} {text}')})") from None
            return read(body)  # it fails again, and quotes what is masked

    def _masked(self, body: bytearray) -> bytearray:
        """The beginning of a body that will be quoted, without the credentials that a server may echo."""
        return bytearray(self._hide(body[: 2**16].decode("utf-8", "replace")).encode())

    def _hide(self, text: str) -> str:
        """The text without the credentials; a user's token may be younger than this client."""
        return Mask(getattr(self.auth, "secrets", ())).text(text)

    def _body_of(self, request: _Request) -> bytearray:
        """The body of the answer. Raises `ListingError` where there is none or its status is not 200."""
        with self._session(request) as session, closing(self._send(session, request)) as response:
            if response.status_code == 200:
                return self._body(response)
            body = self._masked(self._body(response))
            for name, value in list(response.headers.items()):
                response.headers[name] = self._hide(value)
            error = refusal(response, body, self._host, self.project_id, request.action)
            error.wait = retry_after(response.headers.get("Retry-After", ""), self._deadline.clock.now())
            raise error

    @contextmanager
    def _session(self, request: _Request) -> Iterator[HostSession]:
        """The session that a request was sent on, or one on which no other is under way."""
        session, request.session = request.session, None
        if session is None:
            with self._explained():
                session = self._free_session()
        try:
            yield session
        finally:
            self._idle.append(session)

    def _free_session(self) -> HostSession:
        """A session with no request under way, which is the last that was used, or a new one.

        Over TLS a new one reads the authorities anew, which takes longer than twenty requests.
        """
        try:
            return self._idle.pop()
        except IndexError:
            session = HostSession(self._base, self.auth, _HEADERS, self._ca_file)
            self._sessions.append(session)
            return session

    def _send(self, session: HostSession, request: _Request) -> requests.Response:
        seconds = self._seconds()
        with self._explained():
            return session.ask(request.path, request.query, (min(10.0, seconds), seconds))

    def _seconds(self) -> float:
        """How long an answer may be silent by now."""
        return min(self._timeout, max(0.1, self._deadline.left_for_asking()))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raises `UnreachableError` for what `requests` raises."""
        try:
            yield
        except requests.RequestException as problem:
            raise unreachable(problem, self._host, self._hide) from None
        except OSError as problem:  # requests says so where a bundle of certificates is missing
            raise UnreachableError(
                f"no request to {self._host} could be made: {one_line(self._hide(str(problem)))}",
                "Check AUDITOR_CA_FILE and REQUESTS_CA_BUNDLE.",
            ) from None
        except (urllib3.exceptions.HTTPError, UnicodeError) as problem:
            raise unreachable(problem, self._host, self._hide) from None

    def _body(self, response: requests.Response) -> bytearray:
        """The body, inflated. No more than `LARGEST_BODY` is kept of it, and no trickle outlasts the deadline."""
        inflate = _inflater(response.headers.get("Content-Encoding", "identity"))
        try:
            body = self._spare.pop()
        except IndexError:
            body = bytearray()
        size = 0
        try:
            # Only read1 comes back with what is there; it must not decode, or it waits until there is some text.
            while chunk := response.raw.read1(_CHUNK, decode_content=False):
                text = chunk if inflate is None else inflate.decompress(chunk, LARGEST_BODY)
                began, size = size, size + len(text)
                if size > len(body):
                    body += bytes(size - len(body))
                memoryview(body)[began:size] = text  # a bytearray would make a copy of it first
                if size > LARGEST_BODY or (inflate is not None and inflate.unconsumed_tail):
                    raise AnswerError(
                        f"{self._host} sent more than {LARGEST_BODY // 2**20} MiB in one answer", passing=False
                    )
                self._deadline.check()
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise unreachable(problem, self._host, self._hide) from None
        except zlib.error as problem:
            raise AnswerError(f"{self._host} sent gzip that cannot be inflated: {problem}") from None
        del body[size:]
        return body


def _inflater(encoding: str) -> Any:
    """What inflates a body in this encoding; None where there is nothing to inflate."""
    if encoding == "identity":
        return None
    if encoding != "gzip":
        raise AnswerError("the answer has a content encoding that was not asked for")
    return zlib.decompressobj(wbits=31)  # gzip (RFC 1952)


def _record(body: bytearray) -> dict[str, Any]:
    """The one object of an answer such as `{"vault": {...}}`, as it came. Raises `AnswerError`."""
    content = loads(body)
    values = list(content.values()) if isinstance(content, dict) else []
    if len(values) != 1 or not isinstance(values[0], dict):
        raise AnswerError("the answer has no single record", passing=False)
    return values[0]
