"""What the desk stands on: keys, files, database, cache, clock."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance import clock as our_clock
from compliance.audit import checks, signing
from compliance.audit.behind import behind
from compliance.audit.models import Event
from compliance.vault import rotation
from compliance.vault.keys import ring
from erasure import restore, vitals
from erasure.models import Suppressed

from .finding import Finding, ok, problem, warning

LEAST_FREE, LITTLE_FREE = 256 * 2**20, 2 * 2**30  # bytes
CLOCKS_DIFFER = timedelta(seconds=5)
AHEAD = timedelta(minutes=1)
#: File systems on which SQLite's locks do not hold, or not surely.
_NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.", "ceph", "gluster", "afs", "ncp")


def _backup() -> str:
    return _("Put it back from its backup.")


def key_ring() -> Iterator[Finding]:
    try:
        count = len(ring().keys)
    except ImproperlyConfigured as error:
        yield problem(str(error), _("Without it no personal data can be read. See docs/operations/keys.md."))
        return
    text = ngettext("It opens, with %(count)d key: %(path)s", "It opens, with %(count)d keys: %(path)s", count)
    yield ok(text % {"count": count, "path": settings.KEY_RING})


def signing_key() -> Iterator[Finding]:
    if not Path(settings.AUDIT_SIGNING_KEY).exists():
        text = _("There is none at %(path)s: nothing is sealed on this host.") % {"path": settings.AUDIT_SIGNING_KEY}
        yield warning(text, _("Right on a host that only serves pages. Elsewhere: put it back from its backup."))
        return
    try:
        signing.load()
    except ImproperlyConfigured as error:
        yield problem(str(error), _backup())
        return
    yield ok(_("It opens: %(path)s") % {"path": settings.AUDIT_SIGNING_KEY})


def suppression_key() -> Iterator[Finding]:
    path = Path(settings.SUPPRESSION_KEY)
    if path.exists():
        yield ok(_("There is one: %(path)s") % {"path": path})
    elif Suppressed.objects.exists():
        yield problem(_("There is none at %(path)s, and the list has entries.") % {"path": path}, _backup())
    else:
        yield ok(_("None is needed yet."))


def evidence() -> Iterator[Finding]:
    place = Path(settings.EVIDENCE_DIR)
    there = place if place.exists() else place.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        text = _("Files cannot be written to %(path)s: exports and proofs of vendors are lost.") % {"path": place}
        yield problem(text, _("Make the folder, and give it to the account that the desk runs as."))
    elif place.exists() and place.stat().st_mode & 0o007:
        text = _("Everybody on this machine may look into %(path)s.") % {"path": place}
        yield warning(text, f"chmod 700 {place}")
    else:
        yield ok(_("Files can be written: %(path)s") % {"path": place})


def disk() -> Iterator[Finding]:
    """Of each file system, once."""
    places = [place for place in (settings.DATA_DIR, settings.EVIDENCE_DIR) if Path(place).exists()]
    for place in {Path(place).stat().st_dev: place for place in reversed(places)}.values():
        free = shutil.disk_usage(place).free
        text = _("%(size).1f GiB are free at %(path)s.") % {"size": free / 2**30, "path": place}
        cure = _("Make room: what cannot be written is tried again, and nothing is sent meanwhile.")
        if free < LEAST_FREE:
            yield problem(text, cure)
        elif free < LITTLE_FREE:
            yield warning(text, cure)
        else:
            yield ok(text)


def cache() -> Iterator[Finding]:
    if vitals.cache_keeps():
        yield ok(_("It keeps what it is given."))
    else:
        text = _("It does not keep what it is given: workers are woken late, and vendors are called at another pace.")
        yield problem(text, _("See that the Redis server of CACHE_URL runs, or that DATA_DIR can be written."))


# --- the database -----------------------------------------------------------------------------------------------------


def database() -> Iterator[Finding]:
    """A problem that the rest depends on comes first, and is the last."""
    connection.ensure_connection()
    if missing := vitals.unapplied():
        text = ngettext("%(count)d migration is not applied.", "%(count)d migrations are not applied.", len(missing))
        yield problem(text % {"count": len(missing)}, "manage.py migrate")
        return
    if line := checks.unprotected():
        yield problem(line, "manage.py migrate")
    if connection.vendor == "sqlite":
        yield from _sqlite()
    else:
        version = ".".join(map(str, connection.get_database_version()))
        yield ok(_("%(engine)s %(version)s, migrated.") % {"engine": connection.display_name, "version": version})
    for message in checks.role_cannot_alter(None, databases=[connection.alias]):
        yield warning(f"{message.msg} ({message.id})", str(message.hint))


def newest_state() -> Iterator[Finding]:
    if line := behind():
        yield problem(line, _("See “A restore, step by step” in docs/operations/backup.md."))
    elif count := restore.back():
        text = _("Destroyed personal data is back, by the list beside the key ring of this host: %(count)d keys.")
        yield problem(text % {"count": count}, "manage.py after_restore")
    else:
        yield ok(_("The database holds all that is known to be sealed: it was not put back from a backup."))


def data_keys() -> Iterator[Finding]:
    """Whether the ring opens what this database holds."""
    if line := rotation.problem():
        yield problem(line, _("See docs/operations/keys.md."))
    else:
        yield ok(_("The key ring opens what the database holds."))


def _sqlite() -> Iterator[Finding]:
    path = Path(str(settings.DATABASES["default"]["NAME"])).resolve()
    kind = file_system(path, Path("/proc/mounts"))
    if kind.startswith(_NETWORK):
        text = _("The SQLite file is on a network file system (%(kind)s), where its locks do not hold.")
        yield problem(
            text % {"kind": kind}, _("Move it to a local disk, or move to PostgreSQL: manage.py move_database")
        )
    else:
        yield ok(_("SQLite, migrated: %(path)s") % {"path": path})


def file_system(path: Path, mounts: Path) -> str:
    """The kind of file system that a file is on, as the kernel calls it; empty where that cannot be known."""
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return ""
    kinds = {Path(fields[1].replace("\\040", " ")): fields[2] for fields in lines if len(fields) > 2}
    return next((kinds[place] for place in (path, *path.parents) if place in kinds), "")


def database_away(error: Exception) -> Finding:
    """What the server says may name host and role, as the settings do."""
    said = str(error).strip().partition("\n")[0]
    text = _("The database cannot be asked: %(why)s") % {"why": said or type(error).__name__}
    return problem(text, _("See that it runs, that DATABASE_URL leads to it, and that it is migrated."))


def not_looked_at(error: Exception) -> tuple[str, str]:
    text = _("This could not be looked at: %(error)s.") % {"error": type(error).__name__}
    return text, _("An error in Erasure Desk: report it.")


def clock() -> Iterator[Finding]:
    """This host's, against the database server's and against what was recorded."""
    now = our_clock.now()
    cure = _("Let the clocks of all hosts follow one time server: apt install systemd-timesyncd")
    differs = abs(_clock_of_the_server() - now) if connection.vendor == "postgresql" else timedelta()
    newest = Event.objects.order_by("-pk").values_list("at", flat=True).first()
    hosts = [name for name, at in vitals.workers().items() if at - now > AHEAD]
    if differs > CLOCKS_DIFFER:
        text = _("It differs from the database server's by %(seconds)d s.") % {"seconds": differs.total_seconds()}
        yield problem(text, cure)
    elif newest and newest - now > AHEAD:
        yield problem(_("The newest event of the trail is of a time to come: a clock is or was wrong."), cure)
    elif hosts:
        yield problem(_("The clock of %(host)s is ahead.") % {"host": ", ".join(hosts)}, cure)
    else:
        yield ok(_("%(at)s in UTC, as elsewhere.") % {"at": now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")})


def _clock_of_the_server() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
    return at
