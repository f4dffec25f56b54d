"""Who asks where: the credentials of a target, those of the settings, and a user for several projects."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from cbr_auditor.access import Access
from cbr_auditor.cbr.auth import TokenAuth
from cbr_auditor.cbr.signature import SignatureAuth
from cbr_auditor.clock import Deadline
from cbr_auditor.cloud.iam import PasswordAuth
from cbr_auditor.errors import AccessError, NotFoundError, SettingsError
from cbr_auditor.settings import Settings, load_settings
from tests.cloud.services import DOMAIN, PASSWORD, CloudServices
from tests.fakes import PROJECT, FakeClock

OTHER = "f" * 32
USER = {"AUDITOR_USERNAME": "auditor", "AUDITOR_PASSWORD": PASSWORD, "AUDITOR_DOMAIN_NAME": DOMAIN}


@pytest.fixture
def services() -> Iterator[CloudServices]:
    one = CloudServices({PROJECT: "eu-de_production", OTHER: "eu-de"})
    yield one
    one.close()


def access(settings: Settings, clock: FakeClock) -> Access:
    return Access(settings, Deadline(clock, 60))


def load(services: CloudServices, variables: dict[str, str], beside: Path | None = None) -> Settings:
    return load_settings({"AUDITOR_REGION": "eu-de", "AUDITOR_IAM_ENDPOINT": services.url, **variables}, beside=beside)


def send(auth: requests.auth.AuthBase) -> requests.PreparedRequest:
    return requests.Request("GET", "https://cbr.example.com/", auth=auth).prepare()


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({"AUDITOR_TOKEN": "t", "AUDITOR_ACCESS_KEY": "a", "AUDITOR_SECRET_KEY": "s", **USER}, TokenAuth),
        ({"AUDITOR_ACCESS_KEY": "a", "AUDITOR_SECRET_KEY": "s", **USER}, SignatureAuth),
        (USER, PasswordAuth),
    ],
)
def test_the_first_of_token_key_and_user_is_taken(
    services: CloudServices, clock: FakeClock, variables: dict[str, str], kind: type
) -> None:
    ((target, auth),) = access(load(services, {"AUDITOR_PROJECT_ID": PROJECT, **variables}), clock).targets()
    assert target.project_id == PROJECT
    assert type(auth) is kind
    assert services.requests == []


def test_one_user_serves_every_target_and_a_wrong_password_is_tried_once(
    services: CloudServices, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "auditor.toml").write_text(
        f'[[targets]]\nproject_id = "{PROJECT}"\n[[targets]]\nproject_id = "{OTHER}"\n'
    )
    settings = load(services, USER, tmp_path)
    tokens = [send(auth).headers["X-Auth-Token"] for _, auth in access(settings, clock).targets()]
    assert [services.tokens[token] for token in tokens] == [PROJECT, OTHER]
    services.users["auditor"] = "changed"
    for _, auth in access(settings, clock).targets():
        with pytest.raises(AccessError, match="The username or password is wrong"):
            send(auth)
    assert len(services.logins) == 3


def test_a_target_may_have_a_user_of_its_own(services: CloudServices, clock: FakeClock, tmp_path: Path) -> None:
    services.users["other"] = "other-password"
    (tmp_path / "auditor.toml").write_text(
        f'[[targets]]\nproject_id = "{OTHER}"\nusername = "other"\npassword_variable = "OTHER_PASSWORD"\n'
        f'domain_name = "{DOMAIN}"\n'
    )
    settings = load(services, {**USER, "OTHER_PASSWORD": "other-password"}, tmp_path)
    ((_, auth),) = access(settings, clock).targets()
    assert services.tokens[send(auth).headers["X-Auth-Token"]] == OTHER
    (login,) = services.logins
    assert login["auth"]["identity"]["password"]["user"]["name"] == "other"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AUDITOR_USERNAME": "auditor", "AUDITOR_PASSWORD": PASSWORD}, "AUDITOR_DOMAIN_NAME"),
        ({"AUDITOR_USERNAME": "auditor"}, "of user name and password only one is set"),
        ({"AUDITOR_PASSWORD": PASSWORD}, "of user name and password only one is set"),
        ({"AUDITOR_ACCESS_KEY": "a"}, "of access key and secret key only one is set"),
        ({}, "no token, access key or user"),
        ({**USER, "AUDITOR_PROJECT_ID": ""}, "AUDITOR_PROJECT_ID is not set"),
        ({**USER, "AUDITOR_IAM_ENDPOINT": "", "AUDITOR_REGION": ""}, "AUDITOR_IAM_ENDPOINT"),
    ],
)
def test_what_is_missing_is_named_before_any_request(
    services: CloudServices, clock: FakeClock, variables: dict[str, str], words: str
) -> None:
    settings = load(services, {"AUDITOR_PROJECT_ID": PROJECT, **variables})
    with pytest.raises(SettingsError, match=words) as caught:
        access(settings, clock).targets()
    assert PASSWORD not in str(caught.value)
    assert services.requests == []


@pytest.mark.parametrize(("by", "requests_made"), [("user", 1), ("key", 1), ("token", 1)])
def test_a_project_is_found_by_its_name(services: CloudServices, clock: FakeClock, by: str, requests_made: int) -> None:
    services.access_keys["AK"] = "SK"
    services.tokens["a-token"] = PROJECT
    credentials = {
        "user": USER,
        "key": {"AUDITOR_ACCESS_KEY": "AK", "AUDITOR_SECRET_KEY": "SK"},
        "token": {"AUDITOR_TOKEN": "a-token"},
    }[by]
    ((target, auth),) = access(load(services, {"AUDITOR_PROJECT_NAME": "eu-de", **credentials}), clock).targets()
    assert (target.project_id, target.name) == (OTHER, "eu-de")
    assert len(services.requests) == requests_made
    assert send(auth).headers.get("X-Project-Id", OTHER) == OTHER


def test_a_project_that_is_not_found_says_so_at_each_request(services: CloudServices, clock: FakeClock) -> None:
    settings = load(services, {"AUDITOR_PROJECT_NAME": "eu-nl_x", **USER})
    ((target, auth),) = access(settings, clock).targets()
    assert target.project_id == "eu-nl_x"
    for _ in range(2):
        with pytest.raises(NotFoundError, match="there is no project eu-nl_x for this user"):
            send(auth)
    assert len(services.logins) == 1


def test_a_wrong_region_is_refused_before_iam_is_asked_for_a_name(services: CloudServices, clock: FakeClock) -> None:
    settings = load(services, {"AUDITOR_PROJECT_NAME": "eu-de", "AUDITOR_REGION": "eu-dee", **USER})
    with pytest.raises(SettingsError, match="AUDITOR_REGION"):
        access(settings, clock).targets()
    assert services.requests == []
