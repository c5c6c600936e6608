"""Whether the key ring lies where it protects something, for `check --deploy` and the doctor."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks


def register() -> None:
    checks.register(ring_is_apart, checks.Tags.security, deploy=True)
    checks.register(ring_is_private, checks.Tags.security, deploy=True)


def ring_is_apart(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Whoever copies one folder must not have both what is sealed and what opens it (design: personal data)."""
    above = set(Path(settings.KEY_RING).resolve().parents)
    sealed, database = {Path(settings.EVIDENCE_DIR).resolve()}, settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        sealed.add(Path(database["NAME"]).resolve().parent)
    data = Path(settings.DATA_DIR).resolve()
    if any(data in (place, *place.parents) for place in sealed):
        sealed.add(data)
    if not (shared := sorted(sealed & above)):
        return []
    return [
        checks.Warning(
            f"The key ring is in one folder with what it seals, {shared[-1]}: whoever gets hold of the folder, or of a "
            "backup of it, can read all personal data, destroyed data too.",
            hint="Move it to a folder that is guarded and backed up apart, and name it with KEY_RING.",
            id="vault.W001",
        )
    ]


def ring_is_private(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    path = Path(settings.KEY_RING)
    try:
        mode = path.stat().st_mode
    except OSError:  # whoever needs it says so
        return []
    if not mode & 0o077:
        return []
    return [
        checks.Warning(
            f"Others than its owner may use the key ring, {path} (mode {mode & 0o777:04o}): whoever reads it can open "
            "all personal data.",
            hint="chmod 600 the file. If somebody else may have read it, replace its keys: manage.py keys rotate.",
            id="vault.W002",
        )
    ]
