import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.signature import SignatureAuth
from cbr_auditor.clock import Deadline
from cbr_auditor.cloud.iam import PasswordAuth, User, find_project
from cbr_auditor.cloud.service import Service
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.errors import AccessError, AnswerError, ListingError, NotFoundError, UnreachableError
from tests.cloud.services import DOMAIN, PASSWORD, Answer, CloudServices
from tests.fakes import PROJECT, FakeClock

ROW = {"id": "a", "status": "available"}


def service(url: str, deadline: Deadline) -> Service:
    return Service(url, deadline, setting="AUDITOR_IAM_ENDPOINT")


def make_user(services: CloudServices, deadline: Deadline, password: str = PASSWORD, name: str = "auditor") -> User:
    return User(service(services.url, deadline), name, password, DOMAIN)


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([ROW], project_id=PROJECT, token="second-token") as one:
        yield one


def test_a_user_gets_a_token_for_one_project(services: CloudServices, deadline: Deadline) -> None:
    user = make_user(services, deadline)
    token = user.token(PROJECT)
    assert services.tokens == {token: PROJECT}
    assert user.token(PROJECT) == token
    assert services.logins == [
        {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": "auditor", "password": PASSWORD, "domain": {"name": DOMAIN}}},
                },
                "scope": {"project": {"id": PROJECT}},
            }
        }
    ]


def test_one_user_logs_in_to_each_project_once(services: CloudServices, deadline: Deadline) -> None:
    user = make_user(services, deadline)
    assert user.token(PROJECT) != user.token("f" * 32)
    assert len(services.logins) == 2


def test_a_projects_id_is_found_by_its_name_with_one_login(services: CloudServices, deadline: Deadline) -> None:
    user = make_user(services, deadline)
    assert user.find_project("eu-de_production") == PROJECT
    assert user.token(PROJECT) in services.tokens
    assert len(services.logins) == 1


def test_ids_are_sent_as_ids(services: CloudServices, deadline: Deadline) -> None:
    user = User(service(services.url, deadline), "auditor", PASSWORD, "d" * 32)
    assert user.token(PROJECT)
    assert services.logins[0]["auth"]["identity"]["password"]["user"]["domain"] == {"id": "d" * 32}
    by_id = User(service(services.url, deadline), "e" * 32, PASSWORD, None)
    with pytest.raises(ListingError):  # this IAM knows the user by name only
        by_id.token(PROJECT)
    assert services.logins[1]["auth"]["identity"]["password"]["user"] == {"id": "e" * 32, "password": PASSWORD}


def test_a_wrong_password_is_tried_once_whoever_asks(services: CloudServices, deadline: Deadline) -> None:
    user = make_user(services, deadline, "wrong-canary-password")
    for project in (PROJECT, PROJECT, "f" * 32):
        with pytest.raises(AccessError) as caught:
            user.token(project)
        assert "answered 401 (401 The username or password is wrong.)" in str(caught.value)
        assert "Check AUDITOR_USERNAME, AUDITOR_PASSWORD and AUDITOR_DOMAIN_NAME" in str(caught.value)
        assert "wrong-canary-password" not in str(caught.value)
        assert not caught.value.passing
    assert len(services.logins) == 1


def test_a_second_factor_is_told_apart(services: CloudServices, deadline: Deadline) -> None:
    services.with_mfa.add("auditor")
    with pytest.raises(AccessError, match=r"second factor.*use an access key"):
        make_user(services, deadline).token(PROJECT)


@pytest.mark.parametrize(("by_name", "setting"), [(False, "AUDITOR_PROJECT_ID"), (True, "AUDITOR_PROJECT_NAME")])
def test_a_project_that_is_not_the_users_is_named(
    services: CloudServices, deadline: Deadline, by_name: bool, setting: str
) -> None:
    user = make_user(services, deadline)
    with pytest.raises(NotFoundError, match=f"there is no project another.*{setting}"):
        (user.find_project if by_name else user.token)("another")
    assert user.token(PROJECT)


def test_an_unreachable_iam_names_its_setting(clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    user = User(service(f"http://127.0.0.1:{port}", Deadline(clock, 840)), "auditor", PASSWORD, DOMAIN)
    for _ in range(2):
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1 could not be reached.*8 tries") as caught:
            user.token(PROJECT)
        assert PASSWORD not in str(caught.value)
    assert len(clock.slept) == 7
    unresolved = User(service("https://iam.invalid", Deadline(clock, 20)), "auditor", PASSWORD, DOMAIN)
    with pytest.raises(ListingError, match=r"iam\.invalid could not be resolved"):
        unresolved.token(PROJECT)


def test_what_may_pass_is_tried_again(services: CloudServices, deadline: Deadline, clock: FakeClock) -> None:
    busy = Answer(503, {"error_code": "APIGW.0201", "error_msg": "Backend unavailable"}, {"Retry-After": "7"})
    services.answers = [busy, Answer(429, {})]
    assert make_user(services, deadline).token(PROJECT)
    assert clock.slept[0] == 7
    assert len(clock.slept) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(201, {"token": {}}),
        Answer(201, [], {"X-Subject-Token": "a b"}),
        Answer(302, {}, {"Location": "https://login.example.com/"}),
        Answer(200, {"token": {}}, {"X-Subject-Token": "unasked"}),
    ],
)
def test_what_is_no_login_is_refused(services: CloudServices, deadline: Deadline, answer: Answer) -> None:
    services.answers = [answer]
    with pytest.raises(ListingError, match="AUDITOR_IAM_ENDPOINT") as caught:
        make_user(services, deadline).token(PROJECT)
    assert not caught.value.passing


def test_an_answer_that_echoes_the_password_is_masked(services: CloudServices, deadline: Deadline) -> None:
    services.answers = [Answer(401, {"error": {"code": 401, "message": f"{PASSWORD} is wrong", "title": "x"}})]
    with pytest.raises(AccessError) as caught:
        make_user(services, deadline).token(PROJECT)
    assert "*** is wrong" in str(caught.value)


def test_a_huge_answer_is_refused(services: CloudServices, deadline: Deadline) -> None:
    services.answers = [Answer(201, {"token": "x" * 2**21})]
    with pytest.raises(AnswerError, match="more than 1 MiB"):
        make_user(services, deadline).token(PROJECT)


def client(endpoint: CbrEndpoint, user: User, deadline: Deadline) -> CbrClient:
    return CbrClient(endpoint.url, PROJECT, PasswordAuth(user, PROJECT), deadline)


def test_a_token_that_ends_in_the_middle_is_renewed_once_for_all(
    services: CloudServices, endpoint: CbrEndpoint, deadline: Deadline
) -> None:
    services.next_tokens = ["first-token", "second-token"]
    user = make_user(services, deadline)
    clients = [client(endpoint, user, deadline) for _ in range(8)]  # as there are for eight regions of one project
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda cbr: counts.append(len(cbr.ask_page(0, {}).take().rows)), args=(cbr,))
        for cbr in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    for cbr in clients:
        cbr.close()
    assert counts == [1] * 8
    assert len(services.logins) == 2


def test_a_token_that_is_refused_after_it_was_renewed_is_an_error(
    services: CloudServices, endpoint: CbrEndpoint, deadline: Deadline
) -> None:
    services.next_tokens = ["first-token", "neither-token", "second-token"]
    cbr = client(endpoint, make_user(services, deadline), deadline)
    for _ in range(2):
        with pytest.raises(AccessError, match="answered 401") as caught:
            cbr.ask_page(0, {}).take()
        assert "-token" not in str(caught.value)
    cbr.close()
    assert len(services.logins) == 2


def test_a_login_that_fails_is_what_the_listing_says(
    services: CloudServices, endpoint: CbrEndpoint, deadline: Deadline, clock: FakeClock
) -> None:
    cbr = client(endpoint, make_user(services, deadline, "another-password"), deadline)
    for _ in range(3):
        with pytest.raises(AccessError, match="The username or password is wrong"):
            cbr.ask_page(0, {}).take()
    cbr.close()
    assert endpoint.requests == []
    assert clock.slept == []
    assert len(services.logins) == 1


def test_an_access_key_finds_a_project_by_name(services: CloudServices, deadline: Deadline, clock: FakeClock) -> None:
    services.access_keys["AK"] = "SK"
    iam = service(services.url, deadline)
    assert find_project(iam, "eu-de", SignatureAuth("AK", "SK", "", clock)) == "f" * 32
    assert "x-project-id" not in services.requests[0].headers
    with pytest.raises(NotFoundError, match="no projects named eu-nl"):
        find_project(iam, "eu-nl", SignatureAuth("AK", "SK", "", clock))
    with pytest.raises(AccessError, match=r"401.*AUDITOR_PROJECT_ID"):
        find_project(iam, "eu-de", SignatureAuth("AK", "wrong", "", clock))
    services.refused_actions.add("iam:projects:list")
    with pytest.raises(AccessError, match=r"403.*AUDITOR_PROJECT_ID"):
        find_project(iam, "eu-de", SignatureAuth("AK", "SK", "", clock))


def test_keystones_own_client_logs_in_to_this_iam_with_the_same_body(
    services: CloudServices, deadline: Deadline
) -> None:
    from keystoneauth1.identity.v3 import Password  # noqa: PLC0415  # a third of a second, for this test alone
    from keystoneauth1.session import Session  # noqa: PLC0415  # as above

    plugin = Password(
        auth_url=f"{services.url}/v3",
        username="auditor",
        password=PASSWORD,
        user_domain_name=DOMAIN,
        project_id=PROJECT,
    )
    session = Session(auth=plugin, session=requests.Session())
    token = session.get_token()
    assert token in services.tokens
    assert session.get_project_id() == PROJECT
    make_user(services, deadline).token(PROJECT)
    theirs, ours = services.logins
    assert theirs == ours
