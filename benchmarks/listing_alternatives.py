"""The listing alone: `ours`, `json` with the standard library's dicts, `sdk` with the vendor's own client.

Or `details` alone, of 100 backups, asked for as the judge does. Run as
`python benchmarks/listing_alternatives.py ours|json|sdk|details ENDPOINT PROJECT [REQUESTS]`; prints how many backups
were read. `ours` and `details` have so many requests in flight, 8 by default.
"""

import json
import sys

import requests


def with_ours(endpoint: str, project: str, in_flight: int = 8) -> int:
    """List with the auditor's own client, with all its proofs, and judge nothing."""
    from cbr_auditor.cbr.auth import TokenAuth  # noqa: PLC0415  # the others must not pay for these imports
    from cbr_auditor.cbr.client import CbrClient  # noqa: PLC0415  # as above
    from cbr_auditor.cbr.listing import Listing  # noqa: PLC0415  # as above
    from cbr_auditor.clock import Deadline, SystemClock  # noqa: PLC0415  # as above

    client = CbrClient(endpoint, project, TokenAuth("benchmark"), Deadline(SystemClock(), 840))
    listing = Listing(lambda offset: client.ask_page(offset, {}), in_flight=in_flight)
    total = sum(len(backups) for backups in listing.backups())
    assert listing.state.ended
    return total


def with_details(endpoint: str, project: str, in_flight: int = 8) -> int:
    """Ask for the details of 100 backups and nothing else."""
    from cbr_auditor.cbr.auth import TokenAuth  # noqa: PLC0415  # as above
    from cbr_auditor.cbr.client import CbrClient  # noqa: PLC0415  # as above
    from cbr_auditor.cbr.records import Backup  # noqa: PLC0415  # as above
    from cbr_auditor.clock import Deadline, SystemClock  # noqa: PLC0415  # as above
    from cbr_auditor.details import Details  # noqa: PLC0415  # as above

    client = CbrClient(endpoint, project, TokenAuth("benchmark"), Deadline(SystemClock(), 840))
    details = Details(client.ask_backup, in_flight)
    backups = [Backup(f"{number:08x}-0000-4498-8144-dc848d099af5", "available") for number in range(100)]
    for backup in backups:
        details.ask(backup.id)
    for backup in backups:
        details.complete(backup)
        assert backup.children, backup.disks_unknown
    return len(backups)


def with_json(endpoint: str, project: str) -> int:
    """Fetch and decode into dicts; count what the rules would read."""
    session = requests.Session()
    session.trust_env = False
    offset = 0
    while True:
        answer = session.get(f"{endpoint}/v3/{project}/backups", params={"limit": 1000, "offset": offset}, timeout=60)
        page = json.loads(answer.content)
        offset += sum(1 for backup in page["backups"] if backup["id"] and backup.get("extend_info") is not None)
        if not page["backups"] or offset >= page["count"]:
            return offset


def with_sdk(endpoint: str, project: str) -> int:
    """List with huaweicloudsdkcbr, which turns each record into objects of its own."""
    from huaweicloudsdkcbr.v1 import CbrClient, ListBackupsRequest  # noqa: PLC0415  # half a second to import
    from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: PLC0415  # as above

    client = (
        CbrClient.new_builder()
        .with_credentials(BasicCredentials("AccessKey", "SecretKey", project))
        .with_endpoint(endpoint)
        .build()
    )
    offset = 0
    while True:
        answer = client.list_backups(ListBackupsRequest(limit=1000, offset=offset))
        offset += len(answer.backups)
        if not answer.backups or offset >= answer.count:
            return offset


if __name__ == "__main__":
    read = {"ours": with_ours, "json": with_json, "sdk": with_sdk, "details": with_details}[sys.argv[1]]
    print(read(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:])))
