"""What it means that FunctionGraph refuses a request, and what to do. Source: API reference, "Error Codes"."""

from cbr_auditor.cloud.service import Reply
from cbr_auditor.errors import DeployError

_AGENCY = "Check the agency: its cloud service is FunctionGraph (op_svc_cff), and a new one needs some minutes."
_MENDS = {
    "FSS.0429": "Wait a minute and deploy again.",
    "FSS.1005": "Set provider.runtime to one that this cloud has: Huawei Cloud knows no Python3.12.",
    "FSS.1007": "Set memorySize to a step that this region has.",
    "FSS.1008": "Lower timeout.",
    "FSS.1009": "Check the names of the variables.",
    "FSS.1017": "Move some variables to auditor.toml.",
    "FSS.1018": "Move some variables to auditor.toml.",
    "FSS.1021": _AGENCY,
    "FSS.1037": "Check vpc.subnetId.",
    "FSS.1036": "Check vpc.vpcId.",
    "FSS.1041": "Delete a function that is no longer used, or ask for a higher quota.",
    "FSS.1042": "Delete versions and functions that are no longer used.",
    "FSS.1051": "Deploy it first: cbr-auditor deploy.",
    "FSS.1061": "Another function has this name: change it, or deploy again if it is this one.",
    "FSS.1109": "Check the timer's name and schedule.",
    "FSS.1121": _AGENCY,
    "FSS.1122": _AGENCY,
    "FSS.1171": "Check onFailure: the topic must exist in this region.",
    "FSS.1303": _AGENCY,
    "FSS.1306": "Delete triggers that are no longer used.",
}


def refusal(reply: Reply, project_id: str) -> DeployError:
    """The error of an answer that is no success: what the service said, and the mend."""
    code = str(reply.content.get("error_code") or "")
    if code in _MENDS:
        return DeployError(reply.said, _MENDS[code], code)
    if 300 <= reply.status < 400:
        return DeployError(f"{reply.said}, a redirect that is never followed", "Check provider.endpoint.", code)
    if reply.status == 401:
        return DeployError(reply.said, "Check the token or access key, and that it is for this cloud.", code)
    if reply.status == 403:
        mend = f"Grant the policy FunctionGraph FullAccess in project {project_id} to the user who deploys."
        return DeployError(reply.said, mend, code)
    if reply.status == 404 and not code.startswith("FSS."):
        mend = f"Check that provider.region, provider.endpoint and the project ({project_id}) belong together."
        return DeployError(reply.said, mend, code)
    return DeployError(reply.said, "Look the code up in the FunctionGraph API's error codes.", code)
