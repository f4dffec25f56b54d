import sys
from pathlib import Path

import pytest

from cbr_auditor.clouds import find, load_for_operator
from cbr_auditor.errors import SettingsError
from cbr_auditor.settings import Settings

CANARY = "canary-3f2a9c"
OPENRC = {
    "OS_AUTH_URL": "https://iam.eu-de.otc.t-systems.com:443/v3",
    "OS_USERNAME": "auditor",
    "OS_PASSWORD": CANARY,
    "OS_USER_DOMAIN_NAME": "OTC-EU-DE-00000000001000055571",
    "OS_PROJECT_NAME": "eu-de_production",
    "OS_IDENTITY_API_VERSION": "3",
}
CLOUDS = """
clouds:
  otc:
    profile: otc
    auth:
      auth_url: https://iam-pub.eu-ch2.sc.otc.t-systems.com/v3
      username: auditor
      user_domain_name: OTC-EU-CH2-1
      project_id: 0605767b5780d5762fc5c0118072a564
    interface: public
  keys:
    region_name: eu-nl
    ak: AK
    sk: canary-3f2a9c
    auth: {project_name: eu-nl}
  agency:
    auth_type: v3oidcpassword
    auth: {auth_url: "https://iam.eu-de.otc.t-systems.com/v3"}
"""
SECURE = "clouds:\n  otc:\n    auth:\n      password: canary-3f2a9c\n"


def load(environ: dict[str, str]) -> tuple[Settings, str]:
    return load_for_operator(environ)


def refused(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environ)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clouds(home: Path) -> dict[str, str]:
    folder = home / ".config" / "openstack"
    folder.mkdir(parents=True)
    (folder / "clouds.yaml").write_text(CLOUDS)
    (folder / "secure.yaml").write_text(SECURE)
    return {"HOME": str(home)}


def test_an_openrc_is_enough() -> None:
    settings, place = load(OPENRC)
    assert settings.username == "auditor"
    assert settings.password is not None
    assert settings.password.get_secret_value() == CANARY
    assert settings.domain_name == "OTC-EU-DE-00000000001000055571"
    assert (settings.project_id, settings.project_name) == (None, "eu-de_production")
    assert settings.region == "eu-de"
    assert settings.address("iam") == "https://iam.eu-de.otc.t-systems.com:443"
    assert settings.endpoint == "https://cbr.eu-de.otc.t-systems.com"
    assert place == "OS_* variables"


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({"OS_REGION_NAME": "eu-nl"}, "eu-nl"),
        ({"OS_AUTH_URL": "https://iam-pub.eu-ch2.sc.otc.t-systems.com/v3", "OS_PROJECT_NAME": "x"}, "eu-ch2"),
        ({"OS_AUTH_URL": "", "OS_PROJECT_NAME": "ap-southeast-3"}, "ap-southeast-3"),
        ({"OS_AUTH_URL": "https://keystone.example.com/v3", "OS_PROJECT_NAME": "admin"}, None),
    ],
)
def test_the_region_is_told_by_its_name_the_host_or_the_project(environ: dict[str, str], region: str | None) -> None:
    assert load({**OPENRC, **environ})[0].region == region


def test_our_own_settings_win_and_credentials_are_never_mixed() -> None:
    settings, place = load({**OPENRC, "AUDITOR_ACCESS_KEY": "AK", "AUDITOR_SECRET_KEY": "SK"})
    assert settings.username is None
    assert settings.password is None
    assert settings.iam_endpoint is None
    assert settings.project_name == "eu-de_production"
    assert place == ""
    settings, _ = load({**OPENRC, "AUDITOR_PROJECT_ID": "p", "AUDITOR_REGION": "eu-nl"})
    assert (settings.project_id, settings.project_name, settings.region) == ("p", None, "eu-nl")
    assert settings.username == "auditor"
    settings, _ = load({**OPENRC, "AUDITOR_IAM_ENDPOINT": "https://iam.example.com"})
    assert settings.address("iam") == "https://iam.example.com"
    assert settings.username == "auditor"


def test_a_token_and_an_access_key_are_understood() -> None:
    settings, _ = load({"OS_TOKEN": "token", "OS_PROJECT_ID": "p", "OS_REGION_NAME": "eu-de"})
    assert settings.token is not None
    settings, _ = load({"OS_ACCESS_KEY": "AK", "OS_SECRET_KEY": "SK", "OS_SECURITY_TOKEN": "ST", "OS_PROJECT_ID": "p"})
    assert settings.access_key is not None
    assert settings.security_token is not None


def test_the_variables_of_huaweis_sdk_are_understood() -> None:
    environ = {
        "HUAWEICLOUD_SDK_AK": "AK",
        "HUAWEICLOUD_SDK_SK": "SK",
        "HUAWEICLOUD_SDK_PROJECT_ID": "p",
        "HUAWEICLOUD_SDK_SECURITY_TOKEN": "ST",
    }
    settings, place = load(environ)
    assert settings.project_id == "p"
    assert settings.security_token is not None
    assert settings.security_token.get_secret_value() == "ST"
    assert place == "HUAWEICLOUD_SDK_* variables"
    assert load({**OPENRC, **environ})[0].username == "auditor"
    from huaweicloudsdkcore.auth.provider import EnvCredentialProvider  # noqa: PLC0415  # slow to import

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        theirs = EnvCredentialProvider.get_basic_credential_env_provider().get_credentials()
    assert (theirs.ak, theirs.sk, theirs.project_id, theirs.security_token) == ("AK", "SK", "p", "ST")


def test_a_cloud_is_read_from_clouds_yaml_and_secure_yaml(clouds: dict[str, str]) -> None:
    settings, place = load({**clouds, **OPENRC, "OS_CLOUD": "otc"})
    assert settings.password is not None
    assert settings.password.get_secret_value() == CANARY
    assert settings.project_id == "0605767b5780d5762fc5c0118072a564"
    assert settings.project_name is None
    assert settings.region == "eu-ch2"
    assert place.startswith("OS_CLOUD = otc in ")
    keys = load({**clouds, "OS_CLOUD": "keys"})[0]
    assert keys.access_key is not None
    assert keys.region == "eu-nl"


def test_the_first_file_wins_and_a_named_one_comes_first(clouds: dict[str, str], home: Path) -> None:
    (home / "clouds.yml").write_text("clouds: {otc: {auth: {token: here}}}")
    assert find({**clouds, "OS_CLOUD": "otc"}).values["token"] == "here"
    named = home / "mine.json"
    named.write_text('{"clouds": {"otc": {"auth": {"token": "named"}}}}')
    assert find({**clouds, "OS_CLOUD": "otc", "OS_CLIENT_CONFIG_FILE": str(named)}).values["token"] == "named"


def test_no_file_is_read_where_we_have_credentials_of_our_own(clouds: dict[str, str]) -> None:
    environ = {**clouds, "OS_CLOUD": "nowhere", "AUDITOR_TOKEN": "t", "AUDITOR_PROJECT_ID": "p"}
    assert load(environ)[1] == ""


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"OS_CLOUD": "otcc"}, ["clouds.yaml", "'otcc'", "Did you mean otc?"]),
        ({"OS_CLOUD": "agency"}, ["agency", "neither token, access key nor user", "secure.yaml"]),
        ({"OS_CLOUD": "otc", "OS_CLIENT_CONFIG_FILE": "/none.yaml"}, ["OS_CLIENT_CONFIG_FILE", "/none.yaml"]),
        ({**OPENRC, "OS_AUTH_URL": "http://iam.example.com/v3"}, ["OS_AUTH_URL", "http://iam.example.com", "https"]),
        ({**OPENRC, "OS_AUTH_URL": f"https://u:{CANARY}@iam.example.com"}, ["OS_AUTH_URL", "password"]),
    ],
)
def test_what_is_wrong_elsewhere_is_named_as_it_is_called_there(
    clouds: dict[str, str], environ: dict[str, str], words: list[str]
) -> None:
    message = refused({**clouds, **environ})
    for word in words:
        assert word in message


def test_a_cloud_without_any_file_is_refused(home: Path) -> None:
    assert "there is no clouds.yaml" in refused({"HOME": str(home), "OS_CLOUD": "otc"})


def test_broken_yaml_names_the_line_and_does_not_show_it(home: Path) -> None:
    (home / "clouds.yaml").write_text(f"clouds:\n  otc:\n    auth: {{password: '{CANARY}\n")
    message = refused({"OS_CLOUD": "otc"})
    assert "clouds.yaml, line " in message
    (home / "clouds.yaml").write_text("!!python/object/apply:os.system [true]")
    assert "no YAML" in refused({"OS_CLOUD": "otc"})


def test_without_pyyaml_the_mend_is_said(clouds: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert "cbr-auditor[clouds]" in refused({**clouds, "OS_CLOUD": "otc"})


def test_a_variable_that_is_not_ours_replaces_nothing() -> None:
    settings, _ = load({**OPENRC, "USERNAME": "me", "TOKEN": "x", "PROJECT_ID": "y"})
    assert (settings.username, settings.project_name) == ("auditor", "eu-de_production")
