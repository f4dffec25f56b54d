"""Who deploys, and where: the same variables that `cbr-auditor run` signs in with, those of other tools included."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from requests.auth import AuthBase

from cbr_auditor.access import Access
from cbr_auditor.cbr.endpoint import endpoint_of
from cbr_auditor.clock import Clock, Deadline
from cbr_auditor.cloud.service import Service
from cbr_auditor.clouds import find
from cbr_auditor.deploy.client import FunctionGraph
from cbr_auditor.deploy.deployment import Deployment
from cbr_auditor.errors import SettingsError
from cbr_auditor.http_retry import Patience
from cbr_auditor.settings import PREFIX, load_settings
from cbr_auditor.target import LOGINS, Credentials

_SECONDS = 1800.0  # for all that one command asks
_PATIENCE = Patience(tries=4, seconds=0.0)  # somebody waits for the answer
_WITHOUT_FUNCTIONS = {"eu-nl", "eu-ch2"}
_READ = {f"{PREFIX}{name.upper()}" for name in Credentials.model_fields} | {
    f"{PREFIX}{name}" for name in ("CA_FILE", "IAM_ENDPOINT", "PROJECT_ID", "PROJECT_NAME")
}


@dataclass(frozen=True, slots=True)
class Connection:
    """The APIs of one project, signed in to."""

    graph: FunctionGraph
    urn: str
    auth: AuthBase
    deadline: Deadline
    ca_file: str | None
    secrets: tuple[str, ...]
    """The function's and the signer's, which must not turn up in any text."""


def connect(deployment: Deployment, clock: Clock, environ: Mapping[str, str] | None = None) -> Connection:
    """Say who signs in where the deployment is. Raises `SettingsError`; what IAM refuses, the first request says."""
    environ = os.environ if environ is None else environ
    provider = deployment.provider
    endpoint = provider.endpoint or _address(provider.region, "functiongraph", "endpoint")
    # Other AUDITOR_ variables of the shell are the function's, or none of a deployment's business.
    mine = {name: value for name, value in environ.items() if not name.startswith(PREFIX) or name in _READ}
    own = any(environ.get(f"{PREFIX}{name.upper()}") for name in LOGINS)
    settings = load_settings(
        mine,
        given={"region": provider.region, "project_id": provider.project_id, "cbr_endpoint": endpoint},
        fallbacks=find(environ, own=own).values,
    )
    deadline = Deadline(clock, _SECONDS)
    target, auth = Access(settings, deadline, _PATIENCE).targets()[0]
    ca_file = str(settings.ca_file) if settings.ca_file else None
    secrets = (*deployment.function.secret.values(), *getattr(auth, "secrets", ()))
    graph = FunctionGraph(
        endpoint,
        target.project_id,
        auth,
        deadline,
        ca_file=ca_file,
        secrets=secrets,
        patience=_PATIENCE,
    )
    return Connection(graph, deployment.urn(target.project_id), auth, deadline, ca_file, secrets)


def log_service(deployment: Deployment, connection: Connection) -> Service:
    """The log service (LTS) of the deployment's region. Raises `SettingsError`."""
    provider = deployment.provider
    endpoint = provider.lts_endpoint or _address(provider.region, "lts", "ltsEndpoint")
    return Service(
        endpoint,
        connection.deadline,
        setting="provider.ltsEndpoint",
        ca_file=connection.ca_file,
        patience=_PATIENCE,
    )


def _address(region: str, service: str, key: str) -> str:
    if service == "functiongraph" and region in _WITHOUT_FUNCTIONS:
        raise SettingsError(
            f"Open Telekom Cloud has no FunctionGraph in {region}",
            "Run the function in eu-de, or the audit without one (docs/deploy.md); provider.endpoint overrides this.",
        )
    try:
        return endpoint_of(region, "provider.region", service)
    except SettingsError as problem:
        raise SettingsError(problem.what, f"Mend it, or set provider.{key}.") from None
