from collections.abc import Iterator

import pytest

from cbr_auditor.clock import Deadline
from tests.cloud.services import CloudServices
from tests.fakes import PROJECT, FakeClock


@pytest.fixture
def services() -> Iterator[CloudServices]:
    one = CloudServices({PROJECT: "eu-de_production", "f" * 32: "eu-de"})
    yield one
    one.close()


@pytest.fixture
def deadline(clock: FakeClock) -> Deadline:
    return Deadline(clock, 840)
