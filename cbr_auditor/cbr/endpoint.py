"""Which host serves CBR in a region. Sources: each cloud's "Regions and Endpoints"."""

import difflib
import re

from cbr_auditor.errors import SettingsError
from cbr_auditor.text import one_line

_OTC_HOSTS = {
    "eu-de": "cbr.eu-de.otc.t-systems.com",
    "eu-nl": "cbr.eu-nl.otc.t-systems.com",
    # Inferred from the other services of the Swiss cloud: its CBR host is not published.
    "eu-ch2": "cbr.eu-ch2.sc.otc.t-systems.com",
}
_HUAWEI_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")


def endpoint_of(region: str, setting: str = "AUDITOR_REGION") -> str:
    """CBR's address in a region of either cloud. Raises `SettingsError` for a name that is no region's."""
    if region in _OTC_HOSTS:
        return f"https://{_OTC_HOSTS[region]}"
    if _HUAWEI_REGION.fullmatch(region):
        return f"https://cbr.{region}.myhuaweicloud.com"
    near = difflib.get_close_matches(region, _OTC_HOSTS, n=1)
    mend = f"Did you mean {near[0]}? Otherwise set" if near else "Set"
    raise SettingsError(
        f"{setting} = {one_line(region)!r} is no region of Open Telekom Cloud or Huawei Cloud",
        f"{mend} AUDITOR_CBR_ENDPOINT to CBR's address.",
    )
