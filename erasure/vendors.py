"""Vendor accounts: saved from a form or a vendor file, tested, paused and resumed."""

import dataclasses
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from compliance import clock, language
from compliance.audit.record import actor_of, record
from compliance.vault.seal import keyed_digest, new_key
from erasure import actions, dispatch, planning
from erasure.changes import PACE, settings_of, told
from erasure.connectors import REGISTRY
from erasure.connectors.base import BadSettings, Connector, Misconfigured, Token, VendorError, parse
from erasure.connectors.http import Http, Network, check_base_url
from erasure.errors import Invalid
from erasure.models import Vendor, VendorChange
from erasure.normalise import clean_text
from erasure.states import CLAIMABLE, Pause, SubTaskStatus

SELF_MADE = (Pause.CREDENTIALS, Pause.FAILURES)  # what an answer ends, and a correction
TRIAL_AFTER_CREDENTIALS = timedelta(hours=1)  # one call then finds out whether they were corrected at the vendor
SHORTEST_TOKEN = timedelta(seconds=10)  # a token is used for so long, whatever its vendor says of it
#: What may be 0, and its most. A quota is counted before each call, so that it has to be one.
PACE_BOUNDS = {"gather_seconds": (0, 86_400), "calls_per_week": (0, 1_000_000)}
RENEWED_BEFORE = timedelta(minutes=1)  # at most: a token is renewed so long before it runs out
#: The options, by the names that connectors give them, from which the sign-in's address follows: the first that is set.
SIGN_IN_OPTIONS = ("token_url", "region")
_COMMAND = "system:command"  # without an account, only a command saves or tests
KEYS = {"name", "connector", "base_url", "enabled", "options", "credentials", "pace"}


def network() -> Network:
    """What vendor calls may reach, from the settings."""
    return Network(
        allowed_hosts=tuple(settings.VENDOR_HOSTS),
        loopback=settings.VENDOR_LOOPBACK,
        proxy=settings.VENDOR_PROXY,
        ca_bundle=settings.VENDOR_CA_BUNDLE,
    )


def secrets_of(credentials: Any) -> tuple[str, ...]:
    """The texts in an account's credentials, which no transcript may show."""
    return tuple(filter(None, dataclasses.asdict(credentials).values()))


# --- the token of an account that signs in --------------------------------------------------------------------------


def has_token(vendor: Vendor, now: datetime) -> bool:
    return vendor.token_sealed is not None and (vendor.token_until is None or vendor.token_until > now)


def credentials_in_use(vendor: Vendor) -> Any:
    """The credentials with which calls are made: after a sign-in, with the token that it gave. Raises as opening them
    does."""
    credentials = vendor.opened_credentials()
    if vendor.token_sealed is None or not vendor.speaks().signs_in(credentials):
        return credentials
    return dataclasses.replace(credentials, token=vendor.unseal("token"))


def keep_token(vendor: Vendor, token: Token, now: datetime) -> None:
    """Keeps it sealed, and renews it a little before its time is over. Call it under the vendor's lock."""
    vendor.seal("token", token.value)
    vendor.token_until = None
    if token.lives is not None:
        vendor.token_until = now + max(token.lives - min(token.lives / 10, RENEWED_BEFORE), SHORTEST_TOKEN)
    vendor.token_number += 1
    vendor.save(update_fields=["token_sealed", "token_until", "token_number"])


def drop_token(vendor: Vendor) -> None:
    vendor.token_sealed = vendor.token_until = None
    vendor.save(update_fields=["token_sealed", "token_until"])


# --- saving -----------------------------------------------------------------------------------------------------------


def save(values: Mapping[str, Any], *, by: Any = None) -> Vendor:
    """Creates or updates the account named `values["name"]`; what is left out keeps its value.

    `values` is an entry of the vendor file (README, "Vendor file"). Options and credentials are merged into what is
    stored. Raises Invalid with every problem; nothing is saved then. Whoever changes the address, the options or the
    credentials of a paused account resumes it."""
    problems: list[tuple[str, str]] = [(f"/{key}", _("Unknown field.")) for key in values if key not in KEYS]
    name = values.get("name")
    if not isinstance(name, str) or not slugify(name):
        raise Invalid([*problems, ("/name", _("A name with at least one letter or digit is needed."))])
    try:
        name = clean_text(name, max_length=100)
    except ValueError as error:
        raise Invalid([*problems, ("/name", str(error))]) from None
    with transaction.atomic():
        vendor = Vendor.objects.select_for_update(of=("self",), no_key=True).filter(name=name).first()
        made = vendor is None
        if vendor is None:
            vendor = Vendor(id=uuid.uuid4(), name=name, slug=slugify(name), data_key=new_key())
            if Vendor.objects.filter(slug=vendor.slug).exists():
                problems.append(("/name", _("Another account has the short name %(slug)s.") % {"slug": vendor.slug}))
        went, did = _servers(vendor), (vendor.enabled, effect(vendor))
        changed = _take(vendor, values, problems, went if by and not made else None)
        if problems:
            raise Invalid(problems)
        renewed = any(setting.startswith(("base_url", "options", "credentials")) for setting in changed)
        resumed = renewed and vendor.pause in SELF_MADE
        if resumed:
            _clear(vendor)
        if vendor.enabled and not did[0]:
            _begin_patience_anew(vendor)
        if renewed:
            vendor.token_sealed, vendor.token_until, vendor.token_refusals = None, None, 0
            vendor.token_number += 1  # a token that is being fetched now is for what the account was
        if "pace.calls_per_week" in changed:
            vendor.quota_until = None  # a worker finds out
        vendor.save(force_insert=made)
        if by and (made or (vendor.enabled, effect(vendor)) != did):  # open plans that it is in have changed with it
            VendorChange.objects.create(vendor=vendor, person=by, at=clock.now())
        if changed or made:
            facts = {"changed": list(changed.values()), "connector": vendor.connector}
            _event(actions.VENDOR_SAVED, vendor, by, _COMMAND, **facts)
        if resumed:
            _event(actions.VENDOR_RESUMED, vendor, by, _COMMAND)
        dispatch.wake([vendor.pk])
    return vendor


def _take(
    vendor: Vendor, values: Mapping[str, Any], problems: list[tuple[str, str]], went: set[tuple[str, str]] | None
) -> dict[str, str]:
    """Puts `values` into `vendor`; returns what changed, by name, as the trail tells it. `went`: the servers to which
    stored credentials may go, None for any. To others they do not go on one person's word: all are entered again."""
    made = vendor._state.adding
    connector = values.get("connector", vendor.connector)
    if not isinstance(connector, str) or connector not in REGISTRY:
        text = _("Unknown connector. Known are: %(all)s.") % {"all": ", ".join(REGISTRY)}
        problems.append(("/connector", text))
        return {}
    if not made and connector != vendor.connector:
        problems.append(("/connector", _("An account keeps its connector; make a new account instead.")))
        return {}  # what else the entry says is meant for the other connector
    vendor.connector = connector
    cls = REGISTRY[connector]
    if made:
        vendor.calls_per_week = cls.calls_per_week
    before = settings_of(vendor, cls)
    if "enabled" in values:
        if not isinstance(values["enabled"], bool):
            problems.append(("/enabled", _("must be true or false")))
        vendor.enabled = bool(values["enabled"])
    was_home = home_of(cls, vendor.options)
    vendor.options = {**vendor.options, **_mapping(values, "options", problems)}
    parsed = _check(cls.Options, vendor.options, "/options", problems)
    _take_address(vendor, values, was_home, problems)
    _take_pace(vendor, values.get("pace", {}), problems)
    changed = told(cls, before, settings_of(vendor, cls))
    given = _mapping(values, "credentials", problems)
    stored = {} if made else vendor.unseal("credentials") or {}
    moved = went is not None and not _servers(vendor) <= went
    credentials = {**({} if moved else stored), **given}
    if moved and not any(given.values()):
        problems.append(("/credentials", _("Enter all credentials again: the address leads to another server.")))
    secrets = _check(cls.Credentials, credentials, "/credentials", problems)
    wrong = any(at.startswith("/credentials") for at, _text in problems)
    if not cls.by_hand and parsed is not None and not wrong:
        _check_sign_in(cls(parsed), secrets, problems)
        try:
            if vendor.enabled:
                cls(parsed).headers(secrets)
        except VendorError as error:
            problems.append(("/credentials", error.text))
    if credentials != stored or made:
        vendor.seal("credentials", credentials)
    if credentials != stored:
        changed["credentials"] = "credentials"
    return changed


def _check_sign_in(connector: Connector, credentials: Any, problems: list[tuple[str, str]]) -> None:
    """The sign-in goes only where calls may go, as the address does."""
    host = connector.signs_in(credentials)
    try:
        if host:
            check_base_url(host, network())
    except VendorError as error:
        at = next((f"/options/{name}" for name in SIGN_IN_OPTIONS if getattr(connector.options, name, "")), "/options")
        problems.append((at, error.text))


def _servers(vendor: Vendor) -> set[tuple[str, str]]:
    """Where the account's credentials go."""
    urls = {vendor.base_url}
    with suppress(BadSettings, KeyError):
        urls.add(vendor.speaks().signs_in(vendor.opened_credentials()))
    return {(parts.scheme, parts.netloc) for parts in map(urlsplit, urls - {""})}


def may_have_home(cls: type[Connector]) -> bool:
    """Whether the address may follow from the options of an account."""
    return cls.home is not Connector.home


def home_of(cls: type[Connector], options: Mapping[str, Any]) -> str:
    """The address that follows from the options, or empty."""
    with suppress(BadSettings):
        return cls(parse(cls.Options, options)).home
    return ""


def _take_address(vendor: Vendor, values: Mapping[str, Any], was_home: str, problems: list[tuple[str, str]]) -> None:
    """The address that is given; else the one that follows from the options, if it did before or there was none."""
    cls = REGISTRY[vendor.connector]
    if cls.by_hand:
        return
    given = values.get("base_url", vendor.base_url)
    if not given or ("base_url" not in values and vendor.base_url == was_home):
        given = home_of(cls, vendor.options)
    if not isinstance(given, str):
        problems.append(("/base_url", _("must be text")))
        return
    if not given:
        text = _("is required: no option gives it") if may_have_home(cls) else _("is required")
        problems.append(("/base_url", text))
        return
    try:
        vendor.base_url = check_base_url(given, network())
        clean_text(vendor.base_url, max_length=500)
    except VendorError as error:
        problems.append(("/base_url", error.text))
    except ValueError as error:
        problems.append(("/base_url", str(error)))


def _take_pace(vendor: Vendor, pace: Any, problems: list[tuple[str, str]]) -> None:
    if not isinstance(pace, Mapping):
        problems.append(("/pace", _("must be an object")))
        return
    for name, value in pace.items():
        lowest, highest = PACE_BOUNDS.get(name, (1, 10_000_000))
        value = 0 if name == "calls_per_week" and value is None else value
        if name not in PACE:
            problems.append((f"/pace/{name}", _("Unknown field.")))
        elif not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            text = _("must be a whole number from %(min)s to %(max)s") % {"min": lowest, "max": highest}
            problems.append((f"/pace/{name}", text))
        else:
            setattr(vendor, name, value)
    if "first_poll_seconds" in pace and "max_poll_seconds" not in pace:
        vendor.max_poll_seconds = max(vendor.max_poll_seconds, vendor.first_poll_seconds)
    if vendor.max_poll_seconds < vendor.first_poll_seconds:
        problems.append(("/pace/max_poll_seconds", _("must not be less than first_poll_seconds")))


def _mapping(values: Mapping[str, Any], name: str, problems: list[tuple[str, str]]) -> Mapping[str, Any]:
    given = values.get(name, {})
    if isinstance(given, Mapping):
        return given
    problems.append((f"/{name}", _("must be an object")))
    return {}


def _check(shape: type[Any], values: Mapping[str, Any], at: str, problems: list[tuple[str, str]]) -> Any:
    """The values as an instance of `shape`, or None."""
    try:
        return parse(shape, values)
    except BadSettings as error:
        problems += [(f"{at}/{name}", text) for name, text in error.problems.items()]
    return None


def load(entries: Sequence[Any], *, by: Any = None) -> list[Vendor]:
    """All entries of a vendor file, or none: Invalid names every problem, each pointer with its entry's number."""
    problems: list[tuple[str, str]] = []
    saved = []
    names: set[str] = set()
    with transaction.atomic():
        for number, entry in enumerate(entries):
            if not isinstance(entry, Mapping):
                problems.append((f"/{number}", _("must be an object")))
                continue
            name = str(entry.get("name", "")).strip()
            if name in names:
                problems.append((f"/{number}/name", _("An entry before this one has the same name.")))
                continue
            names |= {name} - {""}
            try:
                with transaction.atomic():
                    saved.append(save(entry, by=by))
            except Invalid as error:
                problems += [(f"/{number}{pointer}", text) for pointer, text in error.problems]
        if problems:
            raise Invalid(problems)
    return saved


def effect(vendor: Vendor) -> tuple[Any, ...]:
    """What an approval binds of the account: where it is, and the options that change what is done there."""
    with suppress(BadSettings):
        return vendor.connector, vendor.base_url, planning.effects(vendor.speaks())
    return vendor.connector, vendor.base_url, vendor.options


def test(vendor: Vendor, *, by: Any = None) -> tuple[bool, str]:
    """Tries the connection without writing anything at the vendor. Returns whether it works, and a sentence.

    A success resumes an account that was paused because of its settings or after failures; a refusal of its settings
    pauses it, before any case has to find out. The sentence may be stored: it is in the language of record."""
    with language.of_record():
        return _tested(vendor, by)


def _tested(vendor: Vendor, by: Any) -> tuple[bool, str]:
    try:
        connector = vendor.speaks()
        if connector.by_hand:
            return True, _("Nothing to test: this work is done by hand.")
        tried, text = _tried(vendor, connector)
    except VendorError as error:
        tried, text = False, _of_a_test(error)
        if isinstance(error, Misconfigured) and vendor.enabled:
            now = clock.now()
            pause(vendor, Pause.CREDENTIALS, error.text, now, trial_at=now + TRIAL_AFTER_CREDENTIALS, by=by)
    except BadSettings as error:
        tried, text = False, str(error)
    with transaction.atomic():
        result = "not_tested" if tried is None else "ok" if tried else "failed"
        _event(actions.VENDOR_TESTED, vendor, by, _COMMAND, result=result)
        if tried:
            resume(vendor, by=by, ends=SELF_MADE)
    return tried is not False, text


def _of_a_test(error: VendorError) -> str:
    """The words of a failure are those of a call for a case; a test only asks, and nobody repeats it."""
    if isinstance(error, Misconfigured):
        return error.text
    text = _(
        "%(text)s That is what a case's call would meet now. This was only a test, which asks and changes nothing: "
        "nothing was written at the vendor. Test again once you have looked."
    )
    return text % {"text": error.text}


def _tried(vendor: Vendor, connector: Connector) -> tuple[bool | None, str]:
    """One call that writes nothing: a sign-in where the account has one, else the connector's own check. None in place
    of True: there is nothing that could be tried."""
    credentials = vendor.opened_credentials()
    host, secrets = connector.signs_in(credentials), secrets_of(credentials)
    if not host:
        http = Http(vendor.base_url, network(), headers=connector.headers(credentials), secrets=secrets)
        text = connector.check(http)
        return True if http.calls else None, text
    token = connector.sign_in(credentials, Http(host, network(), secrets=secrets))
    with transaction.atomic():  # it may have disabled the one in use
        locked = Vendor.locked(vendor.pk)
        if locked.token_number == vendor.token_number:
            keep_token(locked, token, clock.now())
    return True, _(
        "The vendor signs the account in. Nothing else was asked and nothing was written there; whether the account "
        "may do its work shows with the first call."
    )


_PAUSED = ("pause", "pause_note", "trial_at", "paused_at", "failures", "not_before")


def pause(vendor: Vendor, code: Pause, note: str, now: datetime, *, trial_at: datetime | None, by: Any = None) -> None:
    """Pauses the account: its sub-tasks wait. One call may be tried at `trial_at` (never, if None). A pause by hand
    stands against every other. The event of what somebody wrote holds a keyed hash."""
    with transaction.atomic():
        _lock(vendor)
        was, said = vendor.pause, vendor.pause_note
        if was == Pause.BY_HAND != code:
            return
        vendor.pause, vendor.pause_note, vendor.trial_at = code, note[:500], trial_at
        vendor.paused_at = vendor.paused_at or now
        vendor.save(update_fields=["pause", "pause_note", "trial_at", "paused_at"])
        if code == Pause.BY_HAND and vendor.pause_note and (was != code or said != vendor.pause_note):
            noted = keyed_digest(vendor.data_key, "note", vendor.pause_note.encode())
            _event(actions.VENDOR_PAUSED, vendor, by, code=code, note_hash=noted)
        elif was != code:
            _event(actions.VENDOR_PAUSED, vendor, by, code=code)


def resume(vendor: Vendor, *, by: Any = None, ends: Collection[Pause] = tuple(Pause)) -> bool:
    """Ends one of these pauses and wakes the lane; returns whether there was one."""
    with transaction.atomic():
        _lock(vendor)  # before its sub-tasks, as everywhere
        if vendor.pause not in ends:
            return False
        _clear(vendor)
        vendor.save(update_fields=_PAUSED)
        _event(actions.VENDOR_RESUMED, vendor, by)
        dispatch.wake([vendor.pk])
    return True


def _lock(vendor: Vendor) -> None:
    """Locks the account, and reads how it stands: a worker and a person may pause it at the same moment."""
    locked = Vendor.locked(vendor.pk)
    for name in _PAUSED:
        setattr(vendor, name, getattr(locked, name))


def _clear(vendor: Vendor) -> None:
    # Failures are the vendor's own: what it is at work on gets no more time for them.
    _begin_patience_anew(vendor, {SubTaskStatus.READY} if vendor.pause == Pause.FAILURES else CLAIMABLE)
    vendor.pause, vendor.pause_note, vendor.trial_at, vendor.paused_at = "", "", None, None
    vendor.failures, vendor.not_before = 0, None


def _begin_patience_anew(vendor: Vendor, statuses: Collection[str] = CLAIMABLE) -> None:
    """What could not be sent for a reason of ours has all its time before it."""
    vendor.sub_tasks.filter(status__in=statuses).update(step_since=clock.now())


def _event(action: str, vendor: Vendor, by: Any, otherwise: str = "system:desk", **details: Any) -> None:
    """`otherwise`: who acts where no account does."""
    record(
        action, actor=actor_of(by) if by else otherwise, subject=f"vendor:{vendor.pk}", vendor=vendor.slug, **details
    )
