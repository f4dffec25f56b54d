"""Published vectors: huaweicloud-sdk-python-v3, huaweicloud-sdk-core/tests/test_signer.py; the rest by its signer."""

from datetime import datetime, timezone
from urllib.parse import parse_qs, urlencode

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.signature import SignatureAuth, canonical_query, sign
from cbr_auditor.clock import Deadline
from cbr_auditor.demo.endpoint import AccessKey, CbrEndpoint
from cbr_auditor.errors import AccessError, SettingsError
from tests.fakes import PROJECT, FakeClock

DATE = "20200608T023900Z"
HOST = "service.endpoint.myhuaweicloud.com"


def test_the_published_vectors() -> None:
    headers = {"Host": HOST, "X-Sdk-Date": DATE}
    assert (
        sign("GET", f"https://{HOST}/resources?size=1", headers, b"", "SecretKey")
        == "cfb4171acec81de07d50e53d57eb77edd537414d66ddb1d7d780f128e12cd842"
    )
    assert (
        sign("POST", f"https://{HOST}/resources?size=1", headers, b'{"name":"test","id":1}', "SecretKey")
        == "436b1ac0a1ae03705934bb70ef2f2e09f7bfed2117d731a38235053199323a1f"
    )


def test_a_temporary_key_signs_its_token_and_the_project() -> None:
    clock = FakeClock(datetime(2020, 6, 8, 2, 39, tzinfo=timezone.utc))
    auth = SignatureAuth("AccessKey", "SecretKey", "ProjectId", clock, "TOKEN")
    url = "https://cbr.eu-de.otc.t-systems.com/v3/ProjectId/backups"
    request = requests.Request("GET", url, params={"offset": 0, "limit": 1000}, auth=auth).prepare()
    assert request.headers["Authorization"] == (
        "SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=host;x-project-id;x-sdk-date;x-security-token, "
        "Signature=c7adb8c94e6c2866b0a33617c7f470a18c0c49cb74b4d6de021696967fdaca01"
    )
    assert request.url == f"{url}?limit=1000&offset=0"
    assert "SecretKey" not in str(request.headers)


SEGMENT = st.text(st.characters(codec="utf-8", exclude_characters="/?#\\", exclude_categories=("C", "Z")), min_size=1)
QUERY = st.dictionaries(st.text("abcXYZ_-.", min_size=1), st.text(st.characters(codec="utf-8")), max_size=4)


@given(segments=st.lists(SEGMENT, max_size=3), query=QUERY, token=st.none() | st.text("abc123", min_size=1))
def test_any_request_is_signed_as_the_vendors_own_client_signs_it(
    segments: list[str], query: dict[str, str], token: str | None
) -> None:
    segments = [segment for segment in segments if segment not in {".", ".."}]
    path = "/" + "/".join(["v3", *segments])
    headers = {"Host": HOST, "X-Sdk-Date": DATE, "X-Project-Id": "p1"}
    if token:
        headers["X-Security-Token"] = token
    theirs = SdkRequest(
        method="GET",
        schema="https",
        host=HOST,
        resource_path=path,
        uri=path,
        query_params=list(query.items()),
        header_params=dict(headers),
        body="",
    )
    Signer(BasicCredentials("AccessKey", "SecretKey")).sign(theirs)
    expected = theirs.header_params["Authorization"].rpartition("Signature=")[2]
    assert sign("GET", f"https://{HOST}{path}?{urlencode(query)}", headers, b"", "SecretKey") == expected


@given(QUERY)
def test_the_query_that_is_sent_means_what_was_asked(query: dict[str, str]) -> None:
    canonical = canonical_query(urlencode(query))
    assert "+" not in canonical
    assert parse_qs(canonical, keep_blank_values=True) == {key: [value] for key, value in query.items()}


@pytest.mark.parametrize("value", ["a b", "a\nb", "ü"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        SignatureAuth(value, "s", "p", FakeClock())
    assert value not in str(caught.value)


def test_the_endpoint_takes_right_signatures_and_refuses_wrong_ones() -> None:
    clock = FakeClock()
    with CbrEndpoint([{"id": "a", "status": "error"}], project_id=PROJECT, token="unused") as endpoint:
        endpoint.access_keys = {"AK": AccessKey("SK"), "TMP": AccessKey("SK", "TOKEN")}

        def rows(*key: str, project: str = PROJECT) -> int:
            auth = SignatureAuth(key[0], key[1], project, clock, key[2] if len(key) > 2 else None)
            client = CbrClient(endpoint.url, PROJECT, auth, Deadline(clock, 60))
            try:
                return len(client.ask_page(0, {"status": ["error", "available"], "name": ["a b+c/\u00fc"]}).take().rows)
            finally:
                client.close()

        assert rows("AK", "SK") == rows("TMP", "SK", "TOKEN") == 0
        for wrong in (("AK", "KS"), ("KA", "SK"), ("TMP", "SK"), ("TMP", "SK", "OTHER"), ("AK", "SK", "TOKEN")):
            with pytest.raises(AccessError, match="401") as caught:
                rows(*wrong)
            assert "SK" not in str(caught.value).replace("AK/SK", "")
