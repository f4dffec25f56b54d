"""Secrets that lie in a file, as containers and systemd hand them over: `file:/run/secrets/smtp_password`."""

from pathlib import Path

from cbr_auditor.errors import SettingsError
from cbr_auditor.text import one_line

_LARGEST = 2**16  # bytes; a key or a token is far smaller


def read_file(variable: str, reference: str, folder: Path | None) -> str:
    """What the file holds, without blanks around it; a relative path begins in the folder.

    Raises `SettingsError`, which names the variable and the path.
    """
    named = reference.removeprefix("file:").strip()
    try:
        path = (folder or Path()) / Path(named).expanduser()
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode("utf-8-sig").strip()
    except (OSError, ValueError, RuntimeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no text in UTF-8"
        raise SettingsError(
            f"{variable} = {one_line(repr(reference), 120)}: the file cannot be read: {reason}",
            "Check the path, and that whoever runs this may read it.",
        ) from None
    if not text or len(content) > _LARGEST:
        raise SettingsError(
            f"{variable} = {one_line(repr(reference), 120)}: the file {'is too large' if text else 'is empty'}",
            "Put the secret alone into it.",
        )
    return text
