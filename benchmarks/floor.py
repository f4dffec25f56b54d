"""The floor: fetch the same pages with one `requests.Session`, decode what rules read with msgspec, nothing else."""

import sys

import msgspec
import requests


class ExtendInfo(msgspec.Struct, gc=False):
    auto_trigger: bool | None = None
    encrypted: bool | None = None


class Backup(msgspec.Struct, gc=False):
    id: str
    status: str
    name: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    expired_at: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    resource_type: str | None = None
    vault_id: str | None = None
    extend_info: ExtendInfo | None = None


class Page(msgspec.Struct, gc=False):
    backups: list[Backup]
    count: int


def main(endpoint: str, project: str) -> int:
    decoder = msgspec.json.Decoder(Page)
    session = requests.Session()
    session.trust_env = False
    offset = 0
    while True:
        answer = session.get(f"{endpoint}/v3/{project}/backups", params={"limit": 1000, "offset": offset}, timeout=60)
        page = decoder.decode(answer.content)
        offset += len(page.backups)
        if not page.backups or offset >= page.count:
            return offset


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2]))
