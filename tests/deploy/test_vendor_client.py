"""Huawei's own client reads back what was deployed, and finds nothing there that it does not know."""

import json
from typing import Any

import pytest

from tests.deploy.conftest import ACCESS_KEY, NAME, SECRET_KEY, TOPIC, URN, Project, Run, write_zip
from tests.deploy.function_graph import FunctionGraphApi
from tests.fakes import PROJECT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Unable to convert string to date"),  # it does not know the documented forms
]


def ask(api: FunctionGraphApi, call: str, secret_key: str = SECRET_KEY, **query: Any) -> Any:
    from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: PLC0415  # a second, for these tests alone
    from huaweicloudsdkfunctiongraph import v2  # noqa: PLC0415  # as above

    credentials = BasicCredentials(ACCESS_KEY, secret_key, PROJECT)
    client = v2.FunctionGraphClient.new_builder().with_credentials(credentials).with_endpoints([api.url]).build()
    request = getattr(v2, "".join(part.capitalize() for part in call.split("_")) + "Request")
    return getattr(client, call)(request(**query))


def test_it_reads_back_all_that_was_deployed(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_SMTP_PASSWORD", "canary-Zx81")
    assert run("deploy", "--yes")[0] == 0
    write_zip(project.zip, extra="2")
    assert run("deploy", "--yes")[0] == 0
    first, second = api.functions[NAME].versions

    (function,) = ask(api, "list_functions").functions
    assert (function.func_name, function.runtime, function.memory_size) == (NAME, "Python3.10", 256)
    config = ask(api, "show_function_config", function_urn=f"{URN}:latest")
    assert (config.handler, config.timeout, config.xrole) == ("handler.handler", 900, "cbr-auditor")
    assert json.loads(config.user_data) == {"AUDITOR_REGION": "eu-de"}
    assert json.loads(config.encrypted_user_data) == {"AUDITOR_SMTP_PASSWORD": ""}
    assert config.strategy_config.concurrency == 1
    assert config.enable_lts_log
    assert config.digest == api.functions[NAME].latest["digest"]
    versions = ask(api, "list_function_versions", function_urn=URN).versions
    assert [version.version for version in versions] == ["latest", first, second]
    (alias,) = ask(api, "list_version_aliases", function_urn=URN).body
    assert (alias.name, alias.version, alias.alias_urn) == ("live", second, f"{URN}:!live")
    (trigger,) = ask(api, "list_function_triggers", function_urn=f"{URN}:!live").body
    assert (trigger.trigger_type_code, trigger.trigger_status) == ("TIMER", "ACTIVE")
    data = trigger.event_data
    assert (data.name, data.schedule_type, data.schedule) == ("daily", "Cron", "CRON_TZ=Europe/Berlin 0 0 7 * * *")
    for place in ("latest", first, second):
        asynchronous = ask(api, "show_function_async_invoke_config", function_urn=f"{URN}:{place}")
        assert asynchronous.max_async_retry_attempts == 0
        assert json.loads(asynchronous.destination_config.on_failure.param) == {"topic_urn": TOPIC}
    logs = ask(api, "show_lts_log_details", function_urn=f"{URN}:latest")
    assert (logs.group_id, logs.stream_id) == ("5b2ac9ee-group", "5b2ac9ee-stream")


def test_its_models_know_every_field_that_we_send(api: FunctionGraphApi, project: Project, run: Run) -> None:
    from huaweicloudsdkfunctiongraph import v2  # noqa: PLC0415  # as above

    project.change("alias: live", "alias: live\n    vpc: {vpcId: vpc-1, subnetId: net-1}")
    project.change("logs: true", "logs: {groupId: g-1, groupName: g, streamId: s-1, streamName: s}")
    run("deploy", "--yes")
    write_zip(project.zip, extra="2")
    project.change("memorySize: 256", "memorySize: 512")
    run("deploy", "--yes")
    models = {
        ("POST", "functions"): v2.CreateFunctionRequestBody,
        ("PUT", "code"): v2.UpdateFunctionCodeRequestBody,
        ("PUT", "config"): v2.UpdateFunctionConfigRequestBody,
        ("PUT", "config-max-instance"): v2.UpdateFunctionMaxInstanceConfigRequestBody,
        ("PUT", "async-invoke-config"): v2.UpdateFunctionAsyncInvokeConfigRequestBody,
        ("POST", "versions"): v2.CreateFunctionVersionRequestBody,
        ("POST", "aliases"): v2.CreateVersionAliasRequestBody,
        ("PUT", "live"): v2.UpdateVersionAliasRequestBody,
        ("POST", f"{URN}:!live"): v2.CreateFunctionTriggerRequestBody,
    }
    sent = {(asked.method, asked.path.rsplit("/", 1)[-1]): asked.body for asked in api.changes()}
    assert sent.keys() == models.keys()
    for key, body in sent.items():
        assert body.keys() <= set(models[key].attribute_map.values()), key
    created = sent["POST", "functions"]
    assert created["func_vpc"].keys() <= set(v2.FuncVpc.attribute_map.values())
    assert created["log_config"].keys() <= set(v2.FuncLogConfig.attribute_map.values())
    data = sent["POST", f"{URN}:!live"]["event_data"]
    assert data.keys() <= set(v2.TriggerEventDataRequestBody.attribute_map.values())


def test_a_wrong_key_is_refused_to_it_too(api: FunctionGraphApi) -> None:
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # noqa: PLC0415  # as above

    with pytest.raises(ClientRequestException) as refused:
        ask(api, "list_functions", secret_key="wrong")
    assert refused.value.error_code == "APIGW.0301"
