"""Whether this installation can be trusted with its keys: what a start asks, and Django's system checks.

Django runs the check of the database in `migrate` and `check --database default` alone, those for production with
`check --deploy`; so whoever starts asks `rotation.problem` itself."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from .models import DataKey
from .rotation import problem

log = logging.getLogger(__name__)


def register() -> None:
    checks.register(ring_opens, checks.Tags.database)
    checks.register(ring_is_apart, checks.Tags.security, deploy=True)
    checks.register(ring_is_private, checks.Tags.security, deploy=True)


def log_problem() -> None:
    """For a web server that starts: it serves what can still be read. Leaves no connection behind, which a server that
    forks would share."""
    try:
        if line := problem():
            log.error("%s", line)
    except DatabaseError:
        log.warning("The database cannot be asked which keys of the key ring it needs.")
    finally:
        connections[DEFAULT_DB_ALIAS].close()


def ring_opens(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """An error where there is something to open: before the first `migrate` there is no ring yet."""
    if DEFAULT_DB_ALIAS not in (databases or []):
        return []
    try:
        if not DataKey.objects.exists() or not (line := problem()):
            return []
    except DatabaseError:  # not migrated yet, or not there: others say so
        return []
    return [checks.Error(line, hint="docs/operations.md, Keys.", id="vault.E001")]


def ring_is_apart(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return []
    folder = Path(database["NAME"]).resolve().parent
    if folder not in Path(settings.KEY_RING).resolve().parents:
        return []
    return [
        checks.Warning(
            f"The key ring is in the folder of the database, {folder}: a backup of the folder holds both, and whoever "
            "gets hold of one can read everything, also what was destroyed since.",
            hint="Move the file to a folder that is guarded and backed up apart, and name it with KEY_RING.",
            id="vault.W001",
        )
    ]


def ring_is_private(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    path = Path(settings.KEY_RING)
    try:
        mode = path.stat().st_mode
    except OSError:  # the start says so
        return []
    if not mode & 0o007:
        return []
    return [
        checks.Warning(
            f"Everybody on this host may use the key ring, {path} (mode {mode & 0o777:04o}).",
            hint="chmod 600 the file. If somebody else may have read it, run manage.py keys rotate --retire.",
            id="vault.W002",
        )
    ]
