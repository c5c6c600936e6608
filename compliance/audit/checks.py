"""Whether this installation keeps what the trail promises: the question that a start asks, and Django's system checks.

Django runs the checks of a database in `migrate` and `check --database default` alone, those for production with
`check --deploy`; so whoever starts asks `unprotected` itself.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from . import triggers

log = logging.getLogger(__name__)

# Why the role that is connected could change the past. The session's user, not the current one: RESET ROLE leads back.
_POWERS = """
WITH me AS (SELECT * FROM pg_roles WHERE rolname = session_user),
     kept AS (SELECT * FROM pg_class WHERE oid IN (SELECT to_regclass(name) FROM unnest(%(tables)s::text[]) AS name))
SELECT 'is a superuser' FROM me WHERE rolsuper
UNION ALL SELECT 'may give itself any role (CREATEROLE)' FROM me WHERE rolcreaterole AND NOT rolsuper
UNION ALL SELECT 'is a member of ' || rolname FROM pg_roles
 WHERE rolname IN ('pg_execute_server_program', 'pg_write_server_files') AND pg_has_role(session_user, oid, 'MEMBER')
UNION ALL SELECT 'owns the table ' || relname FROM kept WHERE pg_has_role(session_user, relowner, 'MEMBER')
UNION ALL SELECT 'owns the schema ' || nspname FROM pg_namespace
 WHERE oid IN (SELECT relnamespace FROM kept) AND pg_has_role(session_user, nspowner, 'MEMBER')
UNION ALL SELECT 'owns the function ' || proname FROM pg_proc
 WHERE oid IN (SELECT tgfoid FROM pg_trigger JOIN kept ON kept.oid = tgrelid WHERE NOT tgisinternal)
   AND pg_has_role(session_user, proowner, 'MEMBER')
UNION ALL SELECT 'may ' || privilege || ' ' || relname
  FROM kept, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS privilege
 WHERE (privilege, relname) <> ('DELETE', %(pending)s)
   AND (has_table_privilege(session_user, kept.oid, privilege)
        OR privilege = 'UPDATE' AND has_any_column_privilege(session_user, kept.oid, privilege))
"""


def unprotected(using: str = DEFAULT_DB_ALIAS) -> str:
    """What to say if triggers are missing, in one line; empty if all is in order. A table that is not there yet, before
    the first migration, lacks nothing."""
    if not (missing := triggers.missing(connections[using])):
        return ""
    return (
        f"The trail in the database is not protected against changes: {_listed(missing)} missing or not as made. "
        "Find out who or what removed it; manage.py migrate puts it back."
    )


def log_if_unprotected() -> None:
    """For a web server that starts: it serves what can still be read, and leaves it to `readyz` to say that it should
    not be used. Leaves no connection behind, which a server that forks would share."""
    try:
        if line := unprotected():
            log.error("%s", line)
    except DatabaseError:
        log.warning("The database cannot be asked whether the trail is protected.")
    finally:
        connections[DEFAULT_DB_ALIAS].close()


def powers(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Why the role that is connected could alter the trail's past, in spite of the triggers; empty if it cannot. Asks
    PostgreSQL; on SQLite, which has no roles, whoever can write the file can."""
    if connections[using].vendor != "postgresql":
        return []
    with connections[using].cursor() as cursor:
        cursor.execute(_POWERS, {"tables": list(triggers.ALL), "pending": triggers.PENDING})
        return [reason for (reason,) in cursor.fetchall()]


# --- system checks ----------------------------------------------------------------------------------------------------


def register() -> None:
    checks.register(triggers_are_there, checks.Tags.database)
    checks.register(key_is_apart, checks.Tags.security, deploy=True)
    checks.register(key_is_private, checks.Tags.security, deploy=True)
    checks.register(role_cannot_alter, checks.Tags.database, deploy=True)


def triggers_are_there(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """A warning, not an error, because it also runs before `migrate`, which is the cure."""
    return [
        checks.Warning(
            f"The trail in database '{alias}' is not protected against changes: {_listed(missing)} missing.",
            hint="Run manage.py migrate, which puts it back. If this is not an upgrade, find out who removed it.",
            id="audit.W001",
        )
        for alias in databases or []
        if (missing := triggers.missing(connections[alias]))
    ]


def key_is_apart(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return []
    folder = Path(database["NAME"]).resolve().parent
    if folder not in Path(settings.AUDIT_SIGNING_KEY).resolve().parents:
        return []
    return [
        checks.Warning(
            f"The trail's signing key is in the folder of the database, {folder}: whoever gets hold of the folder can "
            "rewrite the trail and sign it again.",
            hint="Move the file to a folder that is guarded and backed up apart, and name it with AUDIT_SIGNING_KEY.",
            id="audit.W002",
        )
    ]


def key_is_private(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    path = Path(settings.AUDIT_SIGNING_KEY)
    try:
        mode = path.stat().st_mode
    except OSError:  # a host that only serves pages has none
        return []
    if not mode & 0o077:
        return []
    return [
        checks.Warning(
            f"Others than its owner may use the trail's signing key, {path} (mode {mode & 0o777:04o}): whoever can "
            "read it can sign a rewritten trail.",
            hint="chmod 600 the file. If somebody else may have read it, run manage.py audit_key --rotate.",
            id="audit.W004",
        )
    ]


def role_cannot_alter(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    return [
        checks.Warning(
            f"The role that the desk uses in database '{alias}' could alter the past of the trail: it "
            f"{_listed(reasons)}.",
            hint="Migrate as an owner and run the desk as another role: deploy/postgresql-roles.sql, docs/trail.md.",
            id="audit.W003",
        )
        for alias in databases or []
        if (reasons := powers(alias))
    ]


def _listed(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
