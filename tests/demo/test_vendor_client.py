"""Huawei's own client against the endpoint: it knows no more of the demo than its models of the real API."""

from typing import Any

import pytest

from cbr_auditor.demo.endpoint import AccessKey
from cbr_auditor.demo.tenant import demo_tenant
from tests.fakes import NOW


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Unable to convert string to date")  # the client's, without dateutil
def test_the_vendors_own_client_reads_the_tenant() -> None:
    from huaweicloudsdkcbr.v1 import CbrClient as VendorsClient  # noqa: PLC0415  # half a second, for this test alone
    from huaweicloudsdkcbr.v1 import ListBackupsRequest, ShowBackupRequest  # noqa: PLC0415  # as above
    from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: PLC0415  # as above
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # noqa: PLC0415  # as above

    tenant = demo_tenant(NOW)
    with tenant.serve() as endpoint:
        endpoint.access_keys["ak"] = AccessKey("sk")

        def connect(secret_key: str) -> VendorsClient:
            credentials = BasicCredentials("ak", secret_key, tenant.project_id)
            return VendorsClient.new_builder().with_credentials(credentials).with_endpoints([endpoint.url]).build()

        client = connect("sk")

        def page(offset: int) -> Any:
            return client.list_backups(ListBackupsRequest(limit=60, offset=offset, sort="created_at:asc,id:asc"))

        backups = [backup for offset in range(0, 240, 60) for backup in page(offset).backups]
        assert page(0).count == len(backups) == 200
        assert {backup.id for backup in backups} == {row["id"] for row in tenant.backups}
        ident = next(ident for ident, detail in tenant.details.items() if detail is not None)
        shown = client.show_backup(ShowBackupRequest(backup_id=ident))
        assert [disk.extend_info.encrypted for disk in shown.backup.children] == [True, True]
        with pytest.raises(ClientRequestException) as refused:
            connect("wrong").show_backup(ShowBackupRequest(backup_id=ident))
        assert (refused.value.status_code, refused.value.error_code) == (401, "APIGW.0301")
