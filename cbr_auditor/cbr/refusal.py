"""What it means that CBR refuses or does not answer, in words that a person can act on."""

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import requests
import urllib3

from cbr_auditor.errors import AccessError, ListingError, NotFoundError, UnreachableError
from cbr_auditor.text import one_line

_PASSING = {408, 429, 500, 502, 503, 504}


def unreachable(
    problem: Exception, host: str, clean: Callable[[str], str], setting: str = "AUDITOR_CBR_ENDPOINT"
) -> UnreachableError:
    """The error of a request that got no answer, or not all of one; `setting` is what holds the host.

    `clean` takes secrets out of a text; it must see the whole of it, before anything is clipped.
    """
    text = str(problem)
    if isinstance(problem, requests.exceptions.SSLError) or "CERTIFICATE_VERIFY_FAILED" in text:
        return UnreachableError(
            f"{host} showed no certificate that can be trusted: {one_line(clean(_cause(problem)))}",
            "Check the endpoint; for a private authority set AUDITOR_CA_FILE.",
        )
    if "Failed to resolve" in text or "NameResolutionError" in text:
        return UnreachableError(
            f"the name {host} could not be resolved",
            f"Check AUDITOR_REGION or {setting}, and DNS.",
            passing=True,
        )
    if isinstance(problem, (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)):
        return UnreachableError(
            f"{host} did not answer in time",
            f"Check the network between the function and {host}.",
            passing=True,
        )
    return UnreachableError(
        f"{host} could not be reached: {one_line(clean(_cause(problem)))}",
        "Check the endpoint and the network (a function in a VPC needs a NAT gateway).",
        passing=True,
    )


def refusal(
    response: requests.Response, body: bytes | bytearray, host: str, project_id: str, action: str
) -> ListingError:
    """The error of an answer that is not 200, in words: status, code, text, request id, and the mend."""
    status = response.status_code
    code, text, request_id = read_error(body)
    request_id = request_id or response.headers.get("X-Request-Id", "")
    detail = " ".join(part for part in (code, text) if part) or one_line(body.decode("utf-8", "replace"), 120)
    what = f"{host} answered {status}"
    what += f" ({one_line(detail)})" if detail else ""
    what += f" [request {one_line(request_id, 64)}]" if request_id else ""
    if location := response.headers.get("Location"):
        where = urlsplit(location).hostname or host
        return ListingError(
            f"{what}, a redirect to {one_line(where, 100)} that is never followed with a token",
            "Set AUDITOR_CBR_ENDPOINT to CBR's own host.",
            status,
        )
    if status == 401:
        return AccessError(
            what,
            "The token is wrong or has ended, or the access key is wrong: give the function an agency, or set "
            "AUDITOR_TOKEN, or AUDITOR_ACCESS_KEY and AUDITOR_SECRET_KEY, anew.",
            status,
        )
    if status == 403:
        refused = AccessError(
            what,
            f"Grant the IAM action {action} in project {project_id} to the agency or user.",
            status,
        )
        refused.action = action
        return refused
    if status == 404 and not code.startswith("BackupService."):
        return NotFoundError(
            what,
            "There is no such API here: check that AUDITOR_REGION, AUDITOR_CBR_ENDPOINT and "
            f"AUDITOR_PROJECT_ID ({project_id}) belong together.",
            status,
        )
    if status == 404:
        return NotFoundError(what, "It was probably deleted meanwhile.", status)
    if status == 429:
        return ListingError(what, "CBR throttles this account: run at another time of the day.", status, passing=True)
    if status >= 500:
        return ListingError(
            what,
            "CBR is in trouble: run again; if it persists, give the request id to its support.",
            status,
            passing=status in _PASSING,
        )
    return ListingError(what, "Check [listing] in auditor.toml and the project id.", status, passing=status in _PASSING)


def read_error(body: bytes | bytearray) -> tuple[str, str, str]:
    """Code, text and request id of an error body; each empty where absent.

    Four layers answer in four shapes (CBR, API gateway, CBR for an odd URL, IAM): the keys are tried at the top,
    then one level down, as Huawei's own SDK does.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return "", "", ""
    if not isinstance(content, dict):
        return "", "", ""
    for level in (content, *(value for value in content.values() if isinstance(value, dict))):
        for code_key, text_key in (
            ("error_code", "error_msg"),
            ("errorCode", "errorMsg"),
            ("code", "message"),
        ):
            code, text = level.get(code_key), level.get(text_key)
            if code or text:
                return str(code or ""), str(text or ""), str(content.get("request_id") or "")
    return "", "", ""


def _cause(problem: BaseException) -> str:
    """The innermost reason, without the URL and the objects that `requests` and urllib3 put around it."""
    while True:
        inner = getattr(problem, "reason", None)
        if not isinstance(inner, BaseException):
            inner = problem.args[0] if problem.args and isinstance(problem.args[0], BaseException) else None
        if inner is None:
            break
        problem = inner
    what, *reasons = problem.args if len(problem.args) == 2 and isinstance(problem.args[0], str) else (str(problem),)
    text = str(what)
    for reason in reasons:
        text = f"{text.replace(repr(reason), '').rstrip(': .')}: {reason}"
    if "Connection(host=" in text or "object at 0x" in text:
        text = text.rsplit(": ", 1)[-1]
    return re.sub(r"\[Errno -?\d+\] ", "", text) or type(problem).__name__
