"""The FunctionGraph on loopback itself: it takes what the API takes, and nothing else."""

import base64
import hashlib
import io
import json
import zipfile
from typing import Any

import pytest
import requests

from cbr_auditor.cbr.signature import SignatureAuth
from tests.deploy.conftest import ACCESS_KEY, NAME, SECRET_KEY, URN
from tests.deploy.function_graph import FunctionGraphApi
from tests.fakes import PROJECT, FakeClock


def zipped() -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("handler.py"), "")
    return base64.b64encode(buffer.getvalue()).decode()


BODY = {
    "func_name": NAME,
    "package": "default",
    "runtime": "Python3.10",
    "timeout": 900,
    "handler": "handler.handler",
    "memory_size": 256,
    "type": "v2",
    "code_type": "zip",
    "code_filename": "code.zip",
    "func_code": {"file": zipped()},
    "user_data": "{}",
}


def post(api: FunctionGraphApi, path: str, body: Any, key: str = SECRET_KEY) -> requests.Response:
    auth = SignatureAuth(ACCESS_KEY, key, PROJECT, FakeClock())
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{api.url}/v2/{PROJECT}/fgs{path}", json=body, auth=auth, timeout=10)


def test_it_creates_a_function(api: FunctionGraphApi) -> None:
    answer = post(api, "/functions", BODY)
    assert answer.status_code == 200
    assert answer.json()["func_urn"] == f"{URN}:latest"
    assert answer.json()["digest"] == hashlib.sha512(base64.b64decode(zipped())).hexdigest()
    assert post(api, "/functions", BODY).json()["error_code"] == "FSS.1061"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"func_name": "9"}, "FSS.1002"),
        ({"func_name": "a" * 61}, "FSS.1002"),
        ({"runtime": "Python3.11"}, "FSS.1005"),
        ({"timeout": 2}, "FSS.1008"),
        ({"timeout": "900"}, "FSS.1008"),
        ({"handler": "handler"}, "FSS.1003"),
        ({"memory_size": 300}, "FSS.1007"),
        ({"type": "v1"}, "FSS.0400"),
        ({"func_code": {"file": "no zip"}}, "FSS.1011"),
        ({"user_data": {}}, "FSS.1009"),
        ({"user_data": json.dumps({f"N{number}": "" for number in range(21)})}, "FSS.1009"),
        ({"encrypted_user_data": json.dumps({"N": "x" * 4096})}, "FSS.1009"),
        ({"user_data": '{"A-B": ""}'}, "FSS.1009"),
        ({"memorySize": 256}, "FSS.0400"),
    ],
)
def test_it_refuses_a_body_that_the_api_would_not_take(
    api: FunctionGraphApi, change: dict[str, Any], code: str
) -> None:
    answer = post(api, "/functions", {**BODY, **change})
    assert (answer.status_code, answer.json()["error_code"], api.functions) == (400, code, {})


@pytest.mark.parametrize(
    "missing", ["func_name", "package", "runtime", "timeout", "handler", "memory_size", "func_code"]
)
def test_it_refuses_a_body_that_lacks_something(api: FunctionGraphApi, missing: str) -> None:
    body = {name: value for name, value in BODY.items() if name != missing}
    assert post(api, "/functions", body).status_code == 400


def test_it_verifies_signatures(api: FunctionGraphApi) -> None:
    assert post(api, "/functions", BODY, key="wrong").status_code == 401
    assert api.requests == []


def test_it_knows_only_its_own_functions(api: FunctionGraphApi) -> None:
    post(api, "/functions", BODY)
    body = {"version": "v1"}
    other = URN.replace("eu-de", "eu-nl")
    assert post(api, f"/functions/{other}/versions", body).json()["error_code"] == "FSS.1309"
    assert post(api, f"/functions/{URN}x/versions", body).json()["error_code"] == "FSS.1051"
    assert post(api, f"/functions/{URN}:v9/versions", body).json()["error_code"] == "FSS.1052"
    assert post(api, "/functionz", body).json()["error_code"] == "APIGW.0101"


def test_it_publishes_only_what_is_new(api: FunctionGraphApi) -> None:
    post(api, "/functions", BODY)
    assert post(api, f"/functions/{URN}/versions", {"version": "v1"}).status_code == 200
    assert post(api, f"/functions/{URN}/versions", {"version": "v2"}).json()["error_code"] == "FSS.1016"


def test_a_timers_name_is_taken_once(api: FunctionGraphApi) -> None:
    post(api, "/functions", BODY)
    timer = {"name": "daily", "schedule": "1d", "schedule_type": "Rate"}
    body = {"trigger_type_code": "TIMER", "trigger_status": "ACTIVE", "event_data": timer}
    assert post(api, f"/triggers/{URN}:latest", body).status_code == 201
    assert post(api, f"/triggers/{URN}:latest", body).json()["error_code"] == "FSS.1307"
    wrong = {**body, "event_data": {**timer, "name": "other", "schedule": "31d"}}
    assert post(api, f"/triggers/{URN}:latest", wrong).json()["error_code"] == "FSS.1109"
