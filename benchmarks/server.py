"""Serves a synthetic tenant on loopback: seeded, as many backups as wanted, a settable latency a page.

Run as `python benchmarks/server.py BACKUPS [LATENCY_SECONDS]`; prints its address on the first line.
5 % of the backups are of servers, about 20 % (or a third with FINDINGS=third) have a finding. A record is 980 bytes.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROJECT = "0605767b5780d5762fc5c0118072a564"
TOKEN = "benchmark"
_ROUND = 100_000  # records that are rendered once; further ones differ in their ids alone
_MARK = b"@@@@"  # stands in ids for the number of the round
_EACH = 30  # backups of one resource
_MEMBERS = 200  # resources of one vault; CBR takes 256


def _records(now: datetime, bad_share: float) -> Iterator[bytes]:
    draw = random.Random(7)
    for number in range(_ROUND):
        resource = number // _EACH
        server = resource % 20 == 0
        bad, kind = draw.random() < bad_share, draw.random()
        created = now - timedelta(days=_EACH - number % _EACH, microseconds=number + 1)
        yield json.dumps(
            {
                "provider_id": "0daac4c5-6707-4851-97ba-169e36266b66"
                if server
                else "d1603440-187d-4516-af25-121250c7cc97",
                "checkpoint_id": f"{number:08x}-769f-4c04-8806-fd90a59e9b12",
                "updated_at": _time(created + timedelta(minutes=9)),
                "vault_id": f"79bd9daa-@@@@-4f84-b8fe-{resource // _MEMBERS:012x}",
                "id": f"{number:08x}-@@@@-4498-8144-dc848d099af5",
                "resource_az": "eu-de-01",
                "image_type": "backup",
                "resource_id": f"{resource:08x}-@@@@-4ec5-a7b7-b24dabdb4539",
                "resource_size": 40,
                "children": [],
                "extend_info": {
                    "auto_trigger": not (bad and kind < 0.6),
                    "bootable": None,
                    "os_images_data": None,
                    "progress": None,
                    "snapshot_id": None,
                    "support_lld": True,
                    "supported_restore_mode": "backup",
                    "system_disk": False,
                    **({} if server else {"encrypted": not (bad and 0.6 <= kind < 0.95)}),
                },
                "project_id": PROJECT,
                "status": "error" if bad and kind >= 0.95 else "available",
                "resource_name": f"{'ecs' if server else 'volume'}-{resource:05}",
                "description": "",
                "expired_at": _time(created + timedelta(days=40)),
                "name": f"autobk_{number:05x}",
                "created_at": _time(created),
                "resource_type": "OS::Nova::Server" if server else "OS::Cinder::Volume",
                "parent_id": None,
                "protected_at": None,
                "incremental": True,
                "version": 3,
                "replication_records": [],
                "scheduled_operation_id": "f0a6a3ce-90ac-4c3a-a04f-6f0d3c3f2b0d",
            },
            separators=(",", ":"),
        ).encode()


def _vaults(total: int) -> Iterator[dict[str, Any]]:
    """Locked vaults that hold the resources, as `GET /vaults` lists them."""
    for number in range(-(-total // _ROUND)):
        resources = -(-min(_ROUND, total - number * _ROUND) // _EACH)
        for vault in range(-(-resources // _MEMBERS)):
            members = range(vault * _MEMBERS, min(resources, (vault + 1) * _MEMBERS))
            yield {
                "id": f"79bd9daa-{number:04x}-4f84-b8fe-{vault:012x}",
                "name": f"vault-{number}-{vault}",
                "locked": True,
                "smn_notify": True,
                "tags": [{"key": "owner", "value": "benchmark"}],
                "resources": [
                    {
                        "id": f"{member:08x}-{number:04x}-4ec5-a7b7-b24dabdb4539",
                        "type": "OS::Nova::Server" if member % 20 == 0 else "OS::Cinder::Volume",
                        "name": f"{'ecs' if member % 20 == 0 else 'volume'}-{member:05}",
                        "protect_status": "available",
                        "size": 40,
                        "backup_size": 1024,
                        "backup_count": _EACH,
                        "extra_info": {},
                    }
                    for member in members
                ],
                "billing": {
                    "size": 10_000,
                    "used": 1024 * len(members),
                    "status": "available",
                    "protect_type": "backup",
                    "object_type": "server",
                },
            }


def _policy(now: datetime, vaults: list[dict[str, Any]]) -> dict[str, Any]:
    """The policy that made the backups: daily, at the time of day at which they were made."""
    return {
        "id": "f0a6a3ce-90ac-4c3a-a04f-6f0d3c3f2b0d",
        "name": "daily",
        "enabled": True,
        "operation_type": "backup",
        "operation_definition": {"retention_duration_days": 40, "max_backups": -1},
        "trigger": {"properties": {"pattern": [f"FREQ=DAILY;INTERVAL=1;BYHOUR={now.hour};BYMINUTE={now.minute}"]}},
        "associated_vaults": [{"vault_id": vault["id"]} for vault in vaults],
    }


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f")


class Tenant:
    """Answers for `total` backups."""

    def __init__(self, total: int, bad_share: float) -> None:
        self.total = total
        now = datetime.now(timezone.utc)
        self._records = list(_records(now, bad_share))
        vaults = list(_vaults(total))
        self._vaults = [json.dumps(vault, separators=(",", ":")).encode() for vault in vaults]
        self.policies = json.dumps({"policies": [_policy(now, vaults)], "count": 1}).encode()

    def page(self, offset: int, limit: int) -> bytes:
        """One answer of GET /backups."""
        rows = []
        while limit > 0 and offset < self.total:
            number, start = divmod(offset, _ROUND)
            size = min(limit, _ROUND - start, self.total - offset)
            rows.append(b",".join(self._records[start : start + size]).replace(_MARK, b"%04x" % number))
            offset, limit = offset + size, limit - size
        return b'{"backups":[' + b",".join(rows) + b'],"count":%d}' % self.total

    def vaults(self, offset: int, limit: int) -> bytes:
        """One answer of GET /vaults."""
        rows = b",".join(self._vaults[offset : offset + limit])
        return b'{"vaults":[' + rows + b'],"count":%d}' % len(self._vaults)

    def detail(self, ident: str) -> bytes:
        """One answer of GET /backups/{id}: a server with two encrypted disks."""
        start, number = int(ident[:8], 16), int(ident[9:13], 16)
        record = json.loads(self._records[start].replace(_MARK, b"%04x" % number))
        record["children"] = [
            {
                **record,
                "id": f"{ident}-{disk}",
                "resource_type": "OS::Cinder::Volume",
                "extend_info": {"encrypted": True},
            }
            for disk in range(2)
        ]
        return json.dumps({"backup": record}).encode()


async def _answer(tenant: Tenant, latency: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            target = urlsplit(head.split(b" ", 2)[1].decode())
            if latency:
                await asyncio.sleep(latency)
            ident = target.path.rpartition("/")[2]
            query = parse_qs(target.query)
            offset, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["1000"])[0])
            if ident == "operation-logs":
                body = b'{"operation_logs":[],"count":0}'
            elif ident == "vaults":
                body = tenant.vaults(offset, limit)
            elif ident == "policies":
                body = tenant.policies
            elif ident == "backups":
                body = tenant.page(offset, limit)
            else:
                body = tenant.detail(ident)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
            writer.write(body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _serve(tenant: Tenant, latency: float) -> None:
    server = await asyncio.start_server(lambda r, w: _answer(tenant, latency, r, w), "127.0.0.1", 0, limit=2**20)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    share = 1 / 3 if os.environ.get("FINDINGS") == "third" else 0.2
    asyncio.run(_serve(Tenant(int(sys.argv[1]), share), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
