"""`cbr-auditor invoke --remote`: run the function that is deployed."""

import json
import sys
from typing import Any

from cbr_auditor.clock import SystemClock
from cbr_auditor.deploy.connection import connect
from cbr_auditor.deploy.deployment import load_deployment
from cbr_auditor.errors import DeployError
from cbr_auditor.mask import Mask
from cbr_auditor.text import one_line


def invoke_remote(file: str, event: Any, *, wait: bool) -> int:
    """Invoke the function once and print what it answers; 1 where it failed or cannot be reached.

    The gateway drops an answer that takes more than 90 s (user guide, "Synchronous Invocation").
    """
    deployment = load_deployment(file)
    qualifier = f"!{deployment.function.alias}" if deployment.function.alias else "latest"
    try:
        connection = connect(deployment, SystemClock())
        reply = connection.graph.invoke(f"{connection.urn}:{qualifier}", event, wait=wait)
    except DeployError as problem:
        print(f"cbr-auditor: {problem}", file=sys.stderr)
        if wait and not problem.code:
            print("If it was started, it may be running: see cbr-auditor logs.", file=sys.stderr)
        return 1
    if not wait:
        print(f"accepted as request {one_line(str(reply.content.get('request_id')), 64)}; see cbr-auditor logs")
        return 0
    mask = Mask(connection.secrets)
    for line in str(reply.content.get("log") or "").splitlines():
        print(one_line(mask.text(line), 10_000), file=sys.stderr)
    print(json.dumps(mask.value(_result(reply.content.get("result"))), indent=2))
    failed = reply.headers.get("X-Func-Err-Code", "0") != "0" or reply.content.get("status", 200) != 200
    return 1 if failed else 0


def _result(text: Any) -> Any:
    """The function's answer, which comes as text."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text
