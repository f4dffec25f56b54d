"""Who deploys: the credentials that are taken, and what is said where there are none."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.cloud.services import CloudServices
from tests.deploy.conftest import ACCESS_KEY, SECRET_KEY, Project, Run
from tests.deploy.function_graph import FunctionGraphApi
from tests.fakes import PROJECT


@pytest.fixture
def nobody(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell without credentials of our own."""
    monkeypatch.delenv("AUDITOR_ACCESS_KEY")
    monkeypatch.delenv("AUDITOR_SECRET_KEY")


@pytest.mark.usefixtures("nobody")
def test_a_cloud_signs_in_though_the_accounts_name_is_set(
    api: FunctionGraphApi, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(f"clouds: {{otc: {{region_name: eu-de, ak: {ACCESS_KEY}, sk: {SECRET_KEY}}}}}\n")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    monkeypatch.setenv("OS_CLOUD", "otc")
    monkeypatch.setenv("AUDITOR_DOMAIN_NAME", "OTC00000000001")
    assert run("deploy", "--dry-run")[0] == 0


@pytest.mark.usefixtures("nobody")
def test_without_credentials_nothing_is_requested(api: FunctionGraphApi, run: Run) -> None:
    status, _, err = run("deploy", "--dry-run")
    assert (status, api.requests) == (2, [])
    assert f"there is no token, access key or user for project {PROJECT}" in err


@pytest.mark.parametrize("words", [["deploy", "--yes"], ["rollback", "--yes"], ["remove", "--yes"], ["logs"]])
def test_a_project_that_iam_does_not_know_is_named(
    api: FunctionGraphApi, run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    with closing(CloudServices({PROJECT: "eu-de_production"})) as iam:
        iam.access_keys[ACCESS_KEY] = SECRET_KEY
        monkeypatch.delenv("AUDITOR_PROJECT_ID")
        monkeypatch.setenv("AUDITOR_PROJECT_NAME", "eu-de_prodution")
        monkeypatch.setenv("AUDITOR_IAM_ENDPOINT", iam.url)
        status, _, err = run(*words)
    assert (status, api.requests) == (1, [])
    assert "knows no projects named eu-de_prodution. Set AUDITOR_PROJECT_ID." in err
