"""The tenant of tests/data/truth: its scenarios, read from tables that a person can review.

A scenario has a sentence (`what`), records, and who each rule must find about them (`fail`, `unknown`, `waived`; a rule
that is off finds nothing); what is not named must not be found. `essential` fails in that profile alone, `examined` and
`examined_unknown` only where every server's disks are looked at; `says` is a part of a rule's message.

Every record has defaults that no rule objects to; a line gives what differs, by the wire's own keys, with `absent` and
`null` keys by their path, and these short forms:

- a scenario: `resource`, `type` (disk, server, turbo), `vault` ("" for none) and `also_in`: it is a member there, as
  `member` changes it; `nights`: healthy backups of so many nights ago, called `<resource>/night-<n>`, made at 23:00
- a backup: `id`; `created`, `updated`; `expired`: from now ("+1d"), or how long it is kept ("30d", less 4 ms as CBR has
  it); `form` of its times; `manual`; `copied`: status of its replication; a server's `disks`; `detail = "gone"`
- a vault: `name`, `created`, and the policies that are `bound`: that of its type where it does not say
- a policy: `name`, `pattern`
- a task: `id`, `type`, `status`, `started`, `minutes`, `backup`, `resource`, `policy`
"""

import re
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fakes import NOW

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Row = dict[str, Any]
Expected = tuple[str, str, str]
"""Rule, outcome (`fail`, `unknown` or `waived`), and whom it is about."""

FOLDER = Path(__file__).parent / "data" / "truth"
TYPES = {"disk": "OS::Cinder::Volume", "server": "OS::Nova::Server", "turbo": "OS::Sfs::Turbo"}
NIGHTLY = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=22;BYMINUTE=45"
KEPT_SHORT = timedelta(milliseconds=4)  # recorded: expired_at is so much less than whole days after created_at
_IDS = uuid.UUID("6f1c0c0e-3a55-4d0b-9f62-0d3f4f1f6a11")
_PARTS = re.compile(r"(\d+)([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


@dataclass
class Tenant:
    """What the endpoint serves for one project; `label_of` tells by an id what the tables call it."""

    project_id: str
    backups: list[Row] = field(default_factory=list)
    details: dict[str, Row | None] = field(default_factory=dict)
    vaults: dict[str, Row] = field(default_factory=dict)
    policies: dict[str, Row] = field(default_factory=dict)
    tasks: list[Row] = field(default_factory=list)
    label_of: dict[str, str] = field(default_factory=dict)

    def name(self, label: str) -> str:
        """The id of what the tables call so."""
        ident = str(uuid.uuid5(_IDS, label))
        self.label_of[ident] = label
        return ident

    @property
    def records(self) -> int:
        return len(self.backups) + len(self.vaults) + len(self.policies) + len(self.tasks)


def scenarios() -> list[Row]:
    """Every scenario of every file."""
    return [
        {"type": "disk", **scenario}
        for path in sorted(FOLDER.glob("*.toml"))
        if not path.name.endswith(".auditor.toml")
        for scenario in tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]
    ]


def expected(table: Iterable[Row], outcomes: Mapping[str, str], on: set[str]) -> dict[Expected, str]:
    """What the scenarios say of the rules that are on, and which one does; `outcomes` are their tables and outcomes."""
    return {
        (rule, outcome, who): scenario["what"]
        for scenario in table
        for key, outcome in outcomes.items()
        for rule, whom in scenario.get(key, {}).items()
        if rule in on
        for who in whom
    }


def tenant_of(table: Iterable[Row], project_id: str) -> Tenant:
    """The records of these scenarios, all of one project."""
    tenant = Tenant(project_id, label_of={project_id: "project"})
    bound: dict[str, list[str]] = {}
    every = list(table)
    for scenario in every:
        for line in scenario.get("vaults", ()):
            tenant.vaults[line["name"]] = _vault(tenant, scenario["type"], line)
            for policy in line.get("bound", [f"nightly-{scenario['type']}"]):
                bound.setdefault(policy, []).append(line["name"])
    for scenario in every:
        for line in scenario.get("policies", ()):
            tenant.policies[line["name"]] = _policy(tenant, line, bound.get(line["name"], []))
        for line in _backup_lines(scenario):
            _add_backup(tenant, scenario, line)
        tenant.tasks += [_task(tenant, scenario, line) for line in scenario.get("tasks", ())]
        _add_members(tenant, scenario)
    return tenant


def _backup_lines(scenario: Row) -> Iterator[Row]:
    for night in scenario.get("nights", ()):
        yield {"id": f"night-{night}", "created": f"-{24 * night - 17}h"}
    yield from scenario.get("backups", ())


def _length(text: str) -> timedelta:
    return sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in _PARTS.findall(text)), timedelta())


def at(text: str) -> datetime:
    """A time as far from now as "-7h" or "+1d" say."""
    assert re.fullmatch(r"[+-](\d+[dhms])+", text), text
    return NOW + _length(text) if text.startswith("+") else NOW - _length(text)


def _expiry(text: str, created: datetime) -> datetime | str:
    if text[0] in "+-":
        return at(text)
    return created + _length(text) - KEPT_SHORT if _PARTS.match(text) else text


def _wire(time: datetime | str, form: str = "naive") -> str:
    if isinstance(time, str):
        return time
    text = time.replace(tzinfo=None).isoformat(timespec="microseconds")
    return {"naive": text, "blank": text.replace("T", " ")}.get(form, text + form)


def _changed(row: Row, changes: Row) -> Row:
    """The row with changes, objects changed inside, `null` and `absent` paths done last."""
    result = _merged(row, {key: value for key, value in changes.items() if key not in {"null", "absent"}})
    for path in changes.get("null", ()):
        *way, last = path.split(".")
        _inside(result, way)[last] = None
    for path in changes.get("absent", ()):
        *way, last = path.split(".")
        del _inside(result, way)[last]
    return result


def _merged(row: Row, changes: Row) -> Row:
    merged = {
        key: _merged(row[key], value) if isinstance(value, dict) and isinstance(row.get(key), dict) else value
        for key, value in changes.items()
    }
    return {**row, **merged}


def _inside(row: Row, way: list[str]) -> Row:
    for key in way:
        row = row[key]
    return row


def _taken(line: Row, *names: str) -> Row:
    return {key: value for key, value in line.items() if key not in names}


def _add_backup(tenant: Tenant, scenario: Row, line: Row) -> None:
    label = f"{scenario['resource']}/{line['id']}"
    row = _backup(tenant, scenario, line, label)
    tenant.backups.append(row)
    if row["resource_type"] == TYPES["server"]:
        disks = [_disk(tenant, label, text, row) for text in line.get("disks", ["system", "data"])]
        tenant.details[row["id"]] = None if line.get("detail") == "gone" else {**row, "children": disks}


def _backup(tenant: Tenant, scenario: Row, line: Row, label: str) -> Row:
    created, form, manual = at(line["created"]), line.get("form", "naive"), line.get("manual", False)
    kind, vault = scenario["type"], line.get("vault", scenario.get("vault", f"vault-{scenario['type']}"))
    copied = line.get("copied", "success" if kind == "server" else "no")
    ident = tenant.name(label)
    row = {
        "id": ident,
        "name": f"{'manualbk' if manual else 'autobk'}_{ident[:4]}",
        "description": "",
        "checkpoint_id": str(uuid.uuid5(_IDS, f"checkpoint of {label}")),
        "children": [],
        "created_at": _wire(created, form),
        "updated_at": _wire(at(line["updated"]) if "updated" in line else created + timedelta(minutes=30), form),
        "protected_at": _wire(created, form),
        "expired_at": None
        if manual and "expired" not in line
        else _wire(_expiry(line.get("expired", "30d"), created), form),
        "extend_info": {"auto_trigger": not manual, "supported_restore_mode": "backup"}
        | ({"contain_system_disk": True} if kind == "server" else {"encrypted": True, "bootable": False}),
        "image_type": "backup",
        "parent_id": None,
        "project_id": tenant.project_id,
        "replication_records": [] if copied == "no" else [{"status": copied, "destination_region": "eu-nl"}],
        "resource_az": "eu-de-01",
        "resource_id": tenant.name(scenario["resource"]),
        "resource_name": scenario["resource"],
        "resource_size": 40,
        "resource_type": TYPES[kind],
        "status": "available",
        "vault_id": tenant.name(vault) if vault else None,
    }
    short = ("id", "created", "updated", "expired", "form", "manual", "copied", "disks", "detail", "vault")
    return _changed(row, _taken(line, *short))


def _disk(tenant: Tenant, label: str, text: str, backup: Row) -> Row:
    """A disk as "data", "data plain" (not encrypted), "data silent" (does not say) or "data error" say."""
    name, _, word = text.partition(" ")
    row = {
        "id": tenant.name(f"{label} {name}"),
        "name": f"{backup['name']}_{name}",
        "resource_name": f"{backup['resource_name']}-{name}",
        "resource_type": TYPES["disk"],
        "parent_id": backup["id"],
        "status": "error" if word == "error" else "available",
        "extend_info": {"auto_trigger": True, "bootable": name == "system", "encrypted": word != "plain"},
        "children": [],
    }
    return _changed(row, {"absent": ["extend_info.encrypted"]} if word == "silent" else {})


def _vault(tenant: Tenant, kind: str, line: Row) -> Row:
    row = {
        "id": tenant.name(line["name"]),
        "name": line["name"],
        "description": None,
        "resources": [],
        "created_at": _wire(at(line.get("created", "-300d"))),
        "project_id": tenant.project_id,
        "auto_bind": False,
        "bind_rules": {},
        "auto_expand": False,
        "smn_notify": True,
        "threshold": 80,
        "billing": {
            "allocated": 40,
            "protect_type": "backup",
            "object_type": kind,
            "frozen_scene": None,
            "used": 17048,
            "status": "available",
            "size": 100,
        },
        "tags": [{"key": "owner", "value": "platform"}],
        "locked": True,
    }
    return _changed(row, _taken(line, "created", "bound"))


def _add_members(tenant: Tenant, scenario: Row) -> None:
    vaults = [scenario.get("vault", f"vault-{scenario['type']}"), *scenario.get("also_in", ())]
    for vault in vaults if "resource" in scenario else ():
        if not vault:
            continue
        held = sum(
            (row["resource_name"], row["vault_id"]) == (scenario["resource"], tenant.name(vault))
            for row in tenant.backups
        )
        row = {
            "id": tenant.name(scenario["resource"]),
            "type": TYPES[scenario["type"]],
            "name": scenario["resource"],
            "size": 40,
            "backup_size": 100 * held,
            "backup_count": held,
            "protect_status": "available",
            "extra_info": {},
        }
        tenant.vaults[vault]["resources"].append(_changed(row, scenario.get("member", {})))


def _policy(tenant: Tenant, line: Row, vaults: list[str]) -> Row:
    row = {
        "id": tenant.name(line["name"]),
        "name": line["name"],
        "operation_type": "backup",
        "enabled": True,
        "operation_definition": {
            "max_backups": -1,
            "retention_duration_days": 30,
            "day_backups": 0,
            "week_backups": 0,
            "month_backups": 0,
            "year_backups": 0,
            "timezone": "UTC+01:00",
        },
        "trigger": {
            "type": "time",
            "properties": {"pattern": line.get("pattern", [NIGHTLY]), "start_time": "2025-05-24 09:41:28"},
        },
        "associated_vaults": [{"vault_id": tenant.name(vault), "destination_vault_id": None} for vault in vaults],
    }
    return _changed(row, _taken(line, "pattern"))


def _task(tenant: Tenant, scenario: Row, line: Row) -> Row:
    began, kind, status = at(line["started"]), line.get("type", "backup"), line.get("status", "success")
    ended = None if status == "running" else began + timedelta(minutes=line.get("minutes", 10))
    resource = line.get("resource") or scenario["resource"]
    failed = status in {"failed", "timeout"}
    row = {
        "id": tenant.name(line["id"]),
        "operation_type": kind,
        "status": status,
        "created_at": _wire(began),
        "started_at": _wire(began),
        "ended_at": _wire(ended) if ended else None,
        "updated_at": _wire(ended or began),
        "error_info": {"code": "BackupService.6114", "message": "full"} if failed else {"code": "", "message": ""},
        "extra_info": {
            "common": {"progress": 100},
            "resource": {"id": tenant.name(resource), "name": resource, "type": TYPES[scenario["type"]]},
        },
        "policy_id": tenant.name(line["policy"]) if "policy" in line else None,
        "project_id": tenant.project_id,
        "vault_id": tenant.name(f"vault-{scenario['type']}"),
        "vault_name": f"vault-{scenario['type']}",
    }
    if kind in {"backup", "restore", "delete"}:
        row["extra_info"][kind] = {"backup_id": tenant.name(line.get("backup", f"backup of {line['id']}"))}
    return _changed(row, _taken(line, "id", "type", "status", "started", "minutes", "backup", "resource", "policy"))
