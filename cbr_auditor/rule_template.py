"""A new rule and its test, to begin with."""

import re
from pathlib import Path

from cbr_auditor.catalogue import RESERVED
from cbr_auditor.errors import SettingsError
from cbr_auditor.layout import resource_folder
from cbr_auditor.subject import NOUNS

_ID = re.compile(r"([a-z]+)(-[a-z0-9]+)+")

_RULE = '''"""{title}.

Say here why it matters to the one who reads the report.

Say here what to do about it.

Limits: say here what the data cannot tell, or remove this paragraph.
"""

from cbr_auditor.rule import {imports}

severity = Severity.MEDIUM
controls = ()
reference = "Say here where the cloud documents what you read"
{tasks}

def check({noun}: {subject}, *, allowed: tuple[str, ...] = (){hours}) -> str | None:
    """Fail where the name begins with "temp", except for those that are allowed."""
    name = {name} or ""
    if not name.startswith("temp") or name in allowed:
        return None
    return f"{{name}} is meant to be temporary"
'''

_TEST = """from datetime import datetime, timezone
from pathlib import Path

from cbr_auditor.rule import {subject}, load_rule

RULE = load_rule(Path(__file__).parent.parent / "{stem}.py")
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=timezone.utc)


def make(name: str) -> {subject}:
    return {factory}


def test_it_fails_for_what_it_looks_for() -> None:
    assert RULE.check(make("temp-1")) == "temp-1 is meant to be temporary"


def test_it_is_silent_about_the_rest() -> None:
    assert RULE.check(make("erp-db")) is None
    assert RULE.check(make("temp-1"), allowed=("temp-1",)) is None
"""

_FACTORIES = {
    "backup": 'Backup(id="b", status="available", resource_name=name, listed_at=NOW)',
    "resource": 'Resource(id="r", name=name, listed_at=NOW)',
    "vault": 'Vault(id="v", name=name)',
    "policy": 'Policy(id="p", name=name)',
    "task": 'Task(id="t", resource_name=name)',
    "target": 'Target(project_id="p", name=name, listed_at=NOW)',
}
_TASKS = 'tasks = {"operation_type": "backup", "status": "failed"}  # what is asked for, of the last `hours`\n'
_NAMES = {"backup": "backup.resource_name", "task": "task.resource_name"}


def write_rule(ident: str, folder: Path) -> list[Path]:
    """Write the rule's file and its test, which passes, into `folder`; gives their paths.

    The id's first word is the subject. Raises `SettingsError` for an id without one, and for files that are there.
    """
    noun = ident.partition("-")[0]
    if not _ID.fullmatch(ident) or noun not in _FACTORIES:
        raise SettingsError(
            f"{ident!r} is no id of a rule", f"Begin it with one of: {', '.join(f'{word}-' for word in _FACTORIES)}."
        )
    stem = ident.replace("-", "_")
    if ident in RESERVED or (resource_folder("rules") / f"{stem}.py").exists():
        raise SettingsError(f"the id {ident} is one of ours", "Choose another one.")
    subject = next(kind.__name__ for kind, word in NOUNS.items() if word == noun)
    texts = {
        folder / f"{stem}.py": _RULE.format(
            title=ident.replace("-", " ").capitalize(),
            subject=subject,
            imports=", ".join(sorted((subject, "Severity"))),
            noun=noun,
            name=_NAMES.get(noun, f"{noun}.name"),
            tasks=_TASKS if noun == "task" else "",
            hours=", hours: float = 24" if noun == "task" else "",
        ),
        folder / "tests" / f"test_{stem}.py": _TEST.format(subject=subject, stem=stem, factory=_FACTORIES[noun]),
    }
    for path in texts:
        if path.exists():
            raise SettingsError(f"{path} is there already", "Choose another id or folder.")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)
