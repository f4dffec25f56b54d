"""The function's log, as the log service (LTS) keeps it.

Source: LTS API, "Querying Logs": pages go on behind the `line_num` of the last line.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from cbr_auditor.cloud.service import Service
from cbr_auditor.deploy.connection import Connection
from cbr_auditor.errors import DeployError, ListingError
from cbr_auditor.text import one_line

_PAGE = 500


def read_log(
    service: Service, connection: Connection, stream: Mapping[str, Any], since: datetime, until: datetime
) -> Iterator[str]:
    """Each line of the log between two times, oldest first. Raises `DeployError`."""
    group, ident = stream.get("group_id"), stream.get("stream_id")
    if not group or not ident:
        raise DeployError(
            "the function's log is not kept, or there is no function yet",
            "Set logs: true in serverless.yml and deploy.",
        )
    path = (
        f"/v2/{quote(connection.graph.project_id, safe='')}/groups/{quote(str(group), safe='')}"
        f"/streams/{quote(str(ident), safe='')}/content/query"
    )
    body: dict[str, Any] = {
        "start_time": str(round(since.timestamp() * 1000)),
        "end_time": str(round(until.timestamp() * 1000)),
        "limit": _PAGE,
        "highlight": False,
    }
    last = ""
    while True:
        rows = _page(service, path, body, connection)
        for row in rows:
            yield str(row.get("content", ""))
        following = str(rows[-1].get("line_num", "")) if rows else ""
        if len(rows) < _PAGE or following in {"", last}:
            return
        last = following
        body = {**body, "line_num": last, "search_type": "forwards"}


def _page(service: Service, path: str, body: Mapping[str, Any], connection: Connection) -> list[dict[str, Any]]:
    try:
        reply = service.ask("POST", path, body=body, auth=connection.auth, secrets=connection.secrets)
    except ListingError as problem:
        raise DeployError(problem.what, problem.mend) from None
    rows = reply.content.get("logs")
    if reply.status != 200 or not isinstance(rows, list):
        mend = "Grant lts:logs:list (policy LTS ReadOnlyAccess) to the user who reads the log."
        raise DeployError(one_line(reply.said), mend if reply.status in {401, 403} else "Look into the console.")
    return [row for row in rows if isinstance(row, dict)]
