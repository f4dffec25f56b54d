from collections.abc import Iterator
from typing import Any

import pytest
import requests

from cbr_auditor.demo.endpoint import CbrEndpoint
from tests.fakes import PROJECT

TOKEN = "a-token"


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the list with what is filtered and sorted by; a higher number is a later backup."""
    return {
        "id": f"id-{number:04}",
        "status": "available",
        "name": f"autobk_{number:04x}",
        "created_at": f"2026-11-{1 + number // 1440 % 28:02}T{number // 60 % 24:02}:{number % 60:02}:00.000001",
        "project_id": PROJECT,
        "extend_info": {"auto_trigger": True},
        "children": [],
        **changes,
    }


class Caller:
    """Asks an endpoint as a client with a token does, over one connection."""

    def __init__(self, endpoint: CbrEndpoint) -> None:
        self.session = requests.Session()
        self.session.headers["X-Auth-Token"] = TOKEN
        self.base = f"{endpoint.url}/v3/{PROJECT}"

    def get(self, path: str = "/backups", **options: Any) -> requests.Response:
        return self.session.get(self.base + path, timeout=10, allow_redirects=False, **options)

    def ids(self, **query: Any) -> list[str]:
        answer = self.get(params=query)
        assert answer.status_code == 200, answer.text
        return [backup["id"] for backup in answer.json()["backups"]]


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([row(number) for number in range(25)], project_id=PROJECT, token=TOKEN) as server:
        yield server


@pytest.fixture
def caller(endpoint: CbrEndpoint) -> Iterator[Caller]:
    client = Caller(endpoint)
    with client.session:
        yield client
