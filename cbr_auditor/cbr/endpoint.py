"""Which host serves CBR, or another service, in a region. Sources: each cloud's "Regions and Endpoints"."""

import difflib
import re

from cbr_auditor.errors import SettingsError
from cbr_auditor.text import one_line

_OTC = {
    "eu-de": "eu-de.otc.t-systems.com",
    "eu-nl": "eu-nl.otc.t-systems.com",
    # The Swiss cloud's IAM and OBS are published; that its other services are named alike is inferred.
    "eu-ch2": "eu-ch2.sc.otc.t-systems.com",
}
_OTC_NAMES = {("iam", "eu-ch2"): "iam-pub"}
_HUAWEI_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
_DUBLIN, _DUBLINS_OWN = "eu-west-101", {"iam", "kms", "obs", "smn"}  # those end in .eu there (SDK's region files)


def endpoint_of(region: str, setting: str = "AUDITOR_REGION", service: str = "cbr") -> str:
    """A service's address in a region of either cloud. Raises `SettingsError` for a name that is no region's."""
    if region in _OTC:
        return f"https://{_OTC_NAMES.get((service, region), service)}.{_OTC[region]}"
    if _HUAWEI_REGION.fullmatch(region):
        end = "eu" if region == _DUBLIN and service in _DUBLINS_OWN else "com"
        return f"https://{service}.{region}.myhuaweicloud.{end}"
    near = difflib.get_close_matches(region, _OTC, n=1)
    mend = f"Did you mean {near[0]}? Otherwise set" if near else "Set"
    name = service.upper()
    raise SettingsError(
        f"{setting} = {one_line(region)!r} is no region of Open Telekom Cloud or Huawei Cloud",
        f"{mend} AUDITOR_{name}_ENDPOINT to {name}'s address.",
    )
