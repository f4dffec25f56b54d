"""Huawei's own clients against these services: what they read here is what our code is tested with."""

import json
from typing import Any

import pytest

from tests.cloud.services import CloudServices
from tests.fakes import PROJECT

pytestmark = pytest.mark.slow


def build(client: Any, services: CloudServices) -> Any:
    from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: PLC0415  # half a second, for these alone

    services.access_keys["AK"] = "SK"
    return (
        client.new_builder()
        .with_credentials(BasicCredentials("AK", "SK", PROJECT))
        .with_endpoints([services.url])
        .build()
    )


def test_kms_decrypts_for_the_vendors_client(services: CloudServices) -> None:
    from huaweicloudsdkkms.v2 import DecryptDataRequest, DecryptDataRequestBody, KmsClient  # noqa: PLC0415  # as above

    services.ciphertexts["AgDo+/=="] = "secret"
    answer = build(KmsClient, services).decrypt_data(
        DecryptDataRequest(body=DecryptDataRequestBody(cipher_text="AgDo+/=="))
    )
    assert answer.plain_text == "secret"
    assert json.loads(services.requests[0].body) == {"cipher_text": "AgDo+/=="}


def test_the_secret_manager_gives_the_newest_version_to_the_vendors_client(services: CloudServices) -> None:
    from huaweicloudsdkcsms.v1 import CsmsClient, ShowSecretVersionRequest  # noqa: PLC0415  # as above

    services.secrets["smtp"] = "secret"
    answer = build(CsmsClient, services).show_secret_version(
        ShowSecretVersionRequest(secret_name="smtp", version_id="latest")
    )
    assert answer.version.secret_string == "secret"
