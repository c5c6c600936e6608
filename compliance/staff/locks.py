"""The lock-out: after too many failed sign-ins, further ones are refused for a while without looking at the password.

What is counted, and why so:

- Each try counts for the account and for the client's address, before the password is looked at; a try that succeeds is
  taken off again. So many tries at once get no more guesses than one after the other.
- Wrong codes of the second factor, and wrong passwords where a fresh sign-in is asked for, count like wrong passwords.
- An account is locked after FREE_TRIES failures, for one minute; each further failure doubles that, up to LONGEST. An
  address is locked likewise, after many more failures, for an office may share one. QUIET without a failure forgets
  all.
- Nobody can keep administrators out by failing on purpose in their names: a browser that somebody has signed in with
  before (a signed cookie says so) is counted for itself, and neither a lock of the account nor one of the address
  concerns it. Guessing from it is held back like guessing from anywhere else.
- A name that no account has is counted in the same way, so that a lock does not tell whether an account exists.

Nothing that was typed and no address is kept: names without an account and addresses are counted under 16 bits of a
keyed hash, which name nobody, and of which there can never be more than 65,536 rows each. Two of them may share a row:
then a few failures of the one count for the other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Self

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance import clock
from compliance.audit.record import actor_names, record
from compliance.staff import actions, sign_ins
from compliance.staff.models import SignInLock, User
from compliance.vault.seal import fingerprint

FREE_TRIES = {"user": 5, "name": 5, "browser": 5, "address": 40}
LONGEST = timedelta(minutes=15)
QUIET = timedelta(hours=1)

COOKIE = "known_browser"
_SALT = "staff.known_browser"
_COOKIE_AGE = timedelta(days=180)


class Locked(Exception):
    """Nothing was checked. The text says until when, and what to do."""

    def __init__(self, until: datetime) -> None:
        minutes = max(1, ceil((until - clock.now()) / timedelta(minutes=1)))
        text = ngettext(
            "There were too many failed sign-ins. Nothing was checked. Try again in %(minutes)d minute, or ask an "
            "administrator to lift the lock.",
            "There were too many failed sign-ins. Nothing was checked. Try again in %(minutes)d minutes, or ask an "
            "administrator to lift the lock.",
            minutes,
        )
        self.text = text % {"minutes": minutes}
        super().__init__(self.text)


@dataclass(frozen=True)
class Try:
    """One try to sign in or to confirm who one is, counted as failed until it has `passed`."""

    keys: tuple[str, ...]

    @classmethod
    def begin(cls, request: HttpRequest | None, name: str) -> Self:
        """Counts a try in the name of an account. Raises `Locked`, and counts nothing, while there is a lock."""
        pk = User.objects.filter(username=name).values_list("pk", flat=True).first()
        keys = _keys(request, name, pk)
        with transaction.atomic():
            rows = [_row(key) for key in sorted(keys)]
            now = clock.now()  # only now that the rows are ours
            locked = [row.until for row in rows if row.until and row.until > now]
            if locked:
                sign_ins.count(actions.SIGN_IN_REFUSED, pk)
            else:
                for row in rows:
                    _count(row, now)
        if locked:
            raise Locked(max(locked))
        return cls(tuple(keys))

    def passed(self, *, whole: bool) -> None:
        """The try did not fail. A `whole` sign-in, second factor and all, forgets what failed before it, but not what
        failed at the same address: whoever guesses may have an account of their own."""
        with transaction.atomic():
            for row in SignInLock.objects.select_for_update().filter(key__in=self.keys).order_by("key"):
                if whole and _kind(row.key) != "address":
                    row.delete()
                    continue
                row.count = max(row.count - 1, 0)
                if row.count < FREE_TRIES[_kind(row.key)]:
                    row.until = None
                row.save()


def lift(lock: SignInLock, *, actor: str) -> bool:
    """Ends a lock at once and forgets its failures. False if it had ended before."""
    with transaction.atomic():
        if not SignInLock.objects.filter(pk=lock.pk).delete()[0]:
            return False
        record(actions.LOCK_LIFTED, actor=actor, subject=_subject(lock.key), lock=_kind(lock.key))
    return True


def whose(lock: SignInLock) -> str:
    """What people read for it."""
    name = actor_names([_subject(lock.key)])[_subject(lock.key)]
    match _kind(lock.key):
        case "user":
            return name
        case "browser":
            return _("%(account)s, in a browser known to be theirs") % {"account": name}
        case "name":
            return _("a name that no account has")
    return _("an address (which one is not kept)")


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Lets the browser be known from now on as one that this person has signed in with."""
    value = signing.dumps([user.pk, _browser_of(request, user.pk) or get_random_string(22)], salt=_SALT)
    response.set_cookie(
        COOKIE,
        value,
        max_age=_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


# --- what is counted --------------------------------------------------------------------------------------------------


def _keys(request: HttpRequest | None, name: str, pk: int | None) -> list[str]:
    if pk is not None and (browser := _browser_of(request, pk)):
        return [f"browser:{pk}-{_bucket('browser', browser)}"]
    account = f"name:{_bucket('name', name)}" if pk is None else f"user:{pk}"
    return [account, f"address:{_bucket('address', network(request))}"]


def network(request: HttpRequest | None) -> str:
    """What counts as one client: its IPv4 address, or its IPv6 network of 64 bits, for that is what one line gets."""
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", "") if request else "")
    except ValueError:
        return "none"
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or address.packed[:8].hex())
    return str(address)


def _bucket(kind: str, value: str) -> str:
    return fingerprint(f"sign-in {kind}", value.encode(errors="replace").decode())[:4]


def _browser_of(request: HttpRequest | None, pk: int) -> str:
    """The mark of a browser that this account has signed in with before; empty for any other."""
    try:
        cookie = request.COOKIES.get(COOKIE, "") if request else ""
        known, mark = signing.loads(cookie, salt=_SALT, max_age=_COOKIE_AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(mark) if known == pk else ""


def _kind(key: str) -> str:
    return key.partition(":")[0]


def _subject(key: str) -> str:
    """The account of a lock, for the trail; empty where it is of no account."""
    kind, rest = key.split(":", 1)
    return f"user:{rest.split('-')[0]}" if kind in ("user", "browser") else ""


def _row(key: str) -> SignInLock:
    return SignInLock.objects.select_for_update().get_or_create(key=key, defaults={"since": clock.now()})[0]


def _count(row: SignInLock, now: datetime) -> None:
    # Both ways, so that a clock which was far ahead for a while locks nobody out.
    if abs(now - row.since) >= QUIET:
        row.count = 0
    row.since = now
    row.count += 1
    over = row.count - FREE_TRIES[_kind(row.key)]
    row.until = now + min(timedelta(minutes=2 ** min(over, 10)), LONGEST) if over >= 0 else None
    row.save()
