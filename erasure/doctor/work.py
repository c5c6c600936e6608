"""Whether the desk works: workers, trail, vendor accounts."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance import clock
from compliance.audit import anchor, seal
from compliance.vault.seal import Unreadable
from erasure import vendors as accounts
from erasure import vitals
from erasure.backup import last_backup
from erasure.connectors.base import BadSettings, VendorError
from erasure.connectors.http import check_base_url
from erasure.models import Vendor
from erasure.states import Pause
from erasure.worker.hosts import ALIVE

from .finding import Finding, ok, problem, warning

BACKUP_IS_OLD = timedelta(days=2)


def workers() -> Iterator[Finding]:
    now, hosts = clock.now(), vitals.workers()
    alive = [name for name, at in hosts.items() if now - at <= ALIVE]
    if not alive:
        text = _("No worker is at work on any host: nothing is sent, and nothing is sealed. Nothing is lost.")
        yield problem(text, "systemctl start erasure-desk-worker  (manage.py work)")
    else:
        yield ok(_("At work: %(hosts)s.") % {"hosts": ", ".join(alive)})
    for name, at in hosts.items():
        if name not in alive and alive:
            text = _("Silent on %(host)s for %(time)s.") % {"host": name, "time": timesince(at, now, depth=1)}
            yield warning(text, _("See what its log says. A host that was taken away is forgotten after a week."))
    if len(alive) > 1 and "filebased" in settings.CACHES["default"]["BACKEND"]:
        text = _("Several hosts work, and each has a cache of its own.")
        yield problem(text, _("Give all of them the same Redis server: CACHE_URL=redis://host:6379/0"))


def trail_sealed() -> Iterator[Finding]:
    now, status = clock.now(), seal.status()
    cure = _("A worker seals every few seconds: see what its log says, and “When sealing stops” in docs/trail.md.")
    if status.refused:
        yield problem(_("Events that the desk did not write are left out of the log."), cure)
    elif status.oldest and now - status.oldest > vitals.SEALED_WITHIN:
        text = ngettext(
            "%(count)d event waits to be sealed, for %(seconds)d s.",
            "%(count)d events wait to be sealed, the oldest for %(seconds)d s.",
            status.pending,
        )
        yield problem(text % {"count": status.pending, "seconds": (now - status.oldest).total_seconds()}, cure)
    elif status.checkpoint is None:
        yield warning(_("Nothing is sealed yet."), cure)
    else:
        size = status.checkpoint.size
        yield ok(ngettext("%(count)d event is sealed.", "%(count)d events are sealed.", size) % {"count": size})


def backup() -> Iterator[Finding]:
    at, cure = last_backup(), _("Make one each night: erasure-desk-backup.timer, or manage.py backup.")
    if at is None:
        yield warning(_("None was ever made with manage.py backup."), cure)
    elif clock.now() - at > BACKUP_IS_OLD:
        yield warning(_("The newest is %(time)s old.") % {"time": timesince(at, clock.now(), depth=1)}, cure)
    else:
        yield ok(_("The newest is of %(at)s.") % {"at": localtime(at).strftime("%Y-%m-%d %H:%M")})


def trail_anchored() -> Iterator[Finding]:
    places = [place for place in anchor.standing() if place.configured or place.alarm]
    if not any(place.configured for place in places):
        text = _("Nowhere else: whoever has the database and the signing key could rewrite the past unseen.")
        yield warning(text, _("Set AUDIT_ANCHOR to a folder or address that they do not have (docs/trail.md)."))
    for place in places:
        where = {"place": place.place}
        cure = _("manage.py anchor_audit tries it now and says what is wrong.")
        if place.alarm:
            yield problem(f"{place.place}: {place.alarm}", _("See docs/trail.md before anything else is done."))
        elif place.stale:
            yield problem(_("Fallen behind at %(place)s.") % where, cure)
        elif place.trouble:
            yield warning(_("The last try at %(place)s failed; it is tried again.") % where, cure)
        elif place.at:
            at = localtime(place.at).strftime("%Y-%m-%d %H:%M")
            yield ok(_("At %(place)s, last %(at)s.") % {**where, "at": at})
        else:
            yield warning(_("Not yet at %(place)s.") % where, cure)


# --- vendor accounts --------------------------------------------------------------------------------------------------


def vendors() -> Iterator[Finding]:
    enabled = list(Vendor.objects.filter(enabled=True).select_related("data_key"))
    for vendor in enabled:
        yield _vendor(vendor)
    if not enabled:
        yield warning(_("There is no account in use: cases have nowhere to go."), "manage.py vendors load FILE")


def _vendor(vendor: Vendor) -> Finding:
    name = {"name": vendor.name}
    try:
        connector, credentials = vendor.speaks(), vendor.opened_credentials()
        for address in filter(None, (vendor.base_url, connector.signs_in(credentials))):
            check_base_url(address, accounts.network())
        if not connector.by_hand:
            connector.headers(credentials)
    except (Unreadable, ImproperlyConfigured):  # the latter: there is no ring to open them with
        text = _("%(name)s: its credentials cannot be opened with this key ring.") % name
        return problem(text, _("Put the right key ring back, or enter them again on the account's page."))
    except BadSettings:
        text = _("%(name)s: its settings do not fit this release.") % name
        return problem(text, _("Its page in the admin says what is wrong."))
    except VendorError as error:
        return problem(f"{vendor.name}: {error.text}", _("Then run manage.py vendors check."))
    match vendor.pause:
        case Pause.CREDENTIALS:
            text = _("%(name)s is paused: its settings or credentials are wrong.") % name
            return problem(text, _("Correct them on its page or with manage.py vendors load; that resumes it."))
        case Pause.FAILURES:
            text = _("%(name)s is paused after failures, and tried again by itself.") % name
            return warning(text, _("If that lasts: manage.py vendors check says what it answers."))
        case Pause.BY_HAND:
            text = _("%(name)s is paused by hand.") % name
            return warning(text, _("Resume it on its page when its time has come."))
    return ok(_("%(name)s may be called.") % name)
