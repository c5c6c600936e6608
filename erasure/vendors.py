"""Vendor accounts: saved from a form or a vendor file, tested, paused and resumed."""

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.vault.seal import new_key
from erasure import actions, dispatch, planning
from erasure.connectors import REGISTRY
from erasure.connectors.base import BadSettings, Misconfigured, VendorError, parse
from erasure.connectors.http import Http, Network, check_base_url
from erasure.errors import Invalid
from erasure.models import Vendor
from erasure.normalise import clean_text
from erasure.states import CLAIMABLE, CaseStatus, Pause, RevisionStatus, SubTaskStatus

PACE = ("first_poll_seconds", "max_poll_seconds", "calls_per_minute", "parallel_calls", "gather_seconds")
TRIAL_AFTER_CREDENTIALS = timedelta(hours=1)  # one call then finds out whether they were corrected at the vendor
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
        was, did = vendor.base_url, (vendor.enabled, effect(vendor))
        changed = _take(vendor, values, problems, made)
        moved = not made and "base_url" in changed and _origin(was) != _origin(vendor.base_url)
        if by and moved and "credentials" not in values:
            # What is stored must not go to another server on one person's word.
            problems.append(("/credentials", _("Enter the credentials again: the address leads to another server.")))
        if problems:
            raise Invalid(problems)
        resumed = bool(vendor.pause) and vendor.pause != Pause.BY_HAND
        if resumed and set(changed) & {"base_url", "options", "credentials"}:
            _clear(vendor)
        else:
            resumed = False
        if made or (vendor.enabled, effect(vendor)) != did:  # open plans that it is in have changed with it
            vendor.changed_at, vendor.changed_by = clock.now(), by
        vendor.save(force_insert=made)
        if changed or made:
            _event(actions.VENDOR_SAVED, vendor, by, changed=changed, connector=vendor.connector)
        if resumed:
            _event(actions.VENDOR_RESUMED, vendor, by)
        dispatch.wake([vendor.pk])
    return vendor


def _take(vendor: Vendor, values: Mapping[str, Any], problems: list[tuple[str, str]], made: bool) -> list[str]:
    """Puts `values` into `vendor`; returns the names of what changed."""
    before = {field: getattr(vendor, field) for field in ("connector", "base_url", "enabled", "options", *PACE)}
    connector = values.get("connector", vendor.connector)
    if not isinstance(connector, str) or connector not in REGISTRY:
        text = _("Unknown connector. Known are: %(all)s.") % {"all": ", ".join(REGISTRY)}
        problems.append(("/connector", text))
        return []
    if not made and connector != vendor.connector:
        problems.append(("/connector", _("An account keeps its connector; make a new account instead.")))
        return []  # what else the entry says is meant for the other connector
    vendor.connector = connector
    cls = REGISTRY[connector]
    if "enabled" in values:
        if not isinstance(values["enabled"], bool):
            problems.append(("/enabled", _("must be true or false")))
        vendor.enabled = bool(values["enabled"])
    _take_address(vendor, values, problems)
    _take_pace(vendor, values.get("pace", {}), problems)
    options = {**vendor.options, **_mapping(values, "options", problems)}
    parsed = _check(cls.Options, options, "/options", problems)
    vendor.options = options
    changed = [field for field, value in before.items() if getattr(vendor, field) != value]
    given = _mapping(values, "credentials", problems)
    stored = {} if made else vendor.unseal("credentials") or {}
    credentials = {**stored, **given}
    secrets = _check(cls.Credentials, credentials, "/credentials", problems)
    wrong = any(at.startswith("/credentials") for at, _text in problems)
    if vendor.enabled and not cls.by_hand and parsed is not None and not wrong:
        try:
            cls(parsed).headers(secrets)
        except VendorError as error:
            problems.append(("/credentials", error.text))
    if credentials != stored or made:
        vendor.seal("credentials", credentials)
    if credentials != stored:
        changed.append("credentials")
    return changed


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _take_address(vendor: Vendor, values: Mapping[str, Any], problems: list[tuple[str, str]]) -> None:
    if REGISTRY[vendor.connector].by_hand:
        return
    given = values.get("base_url", vendor.base_url)
    if not isinstance(given, str):
        problems.append(("/base_url", _("must be text")))
        return
    if not given:
        problems.append(("/base_url", _("is required")))
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
        lowest = 0 if name == "gather_seconds" else 1
        if name not in PACE:
            problems.append((f"/pace/{name}", _("Unknown field.")))
        elif not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= 10_000_000:
            problems.append((f"/pace/{name}", _("must be a whole number, %(min)s or more") % {"min": lowest}))
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


def bound(vendor: Vendor) -> tuple[int, int]:
    """Once the account's effect has changed: how many plans that await approval have to be read again, and how much
    approved work stops before its next call."""
    waiting = Q(revision__status=RevisionStatus.OPEN) & ~Q(case__status=CaseStatus.DRAFT)
    plans = vendor.sub_tasks.filter(waiting).values("revision").distinct().count()
    return plans, vendor.sub_tasks.filter(status__in=(*CLAIMABLE, SubTaskStatus.RUNNING)).count()


def test(vendor: Vendor, *, by: Any = None) -> tuple[bool, str]:
    """Tries the connection without writing anything at the vendor. Returns whether it works, and a sentence.

    A success resumes an account that was paused because of its settings or after failures; a refusal of its settings
    pauses it, before any case has to find out."""
    try:
        connector = vendor.speaks()
        if connector.by_hand:
            return True, _("Nothing to test: this work is done by hand.")
        credentials = vendor.opened_credentials()
        headers = connector.headers(credentials)
        http = Http(vendor.base_url, network(), headers=headers, secrets=secrets_of(credentials))
        worked, text = True, connector.check(http)
    except VendorError as error:
        worked, text = False, error.text
        if isinstance(error, Misconfigured) and vendor.enabled and vendor.pause != Pause.BY_HAND:
            now = clock.now()
            pause(vendor, Pause.CREDENTIALS, text, now, trial_at=now + TRIAL_AFTER_CREDENTIALS, by=by)
    except BadSettings as error:
        worked, text = False, str(error)
    with transaction.atomic():
        _event(actions.VENDOR_TESTED, vendor, by, result="ok" if worked else "failed")
        if worked and vendor.pause in (Pause.CREDENTIALS, Pause.FAILURES):
            resume(vendor, by=by)
    return worked, text


def pause(vendor: Vendor, code: Pause, note: str, now: datetime, *, trial_at: datetime | None, by: Any = None) -> None:
    """Pauses the account: its sub-tasks wait. One call may be tried at `trial_at` (never, if None)."""
    with transaction.atomic():
        was = vendor.pause
        vendor.pause, vendor.pause_note, vendor.trial_at = code, note[:500], trial_at
        vendor.paused_at = vendor.paused_at or now
        vendor.save(update_fields=["pause", "pause_note", "trial_at", "paused_at"])
        if was != code:
            _event(actions.VENDOR_PAUSED, vendor, by, code=code)


def resume(vendor: Vendor, *, by: Any = None) -> None:
    """Ends a pause and wakes the lane."""
    with transaction.atomic():
        _clear(vendor)
        vendor.save(update_fields=["pause", "pause_note", "trial_at", "paused_at", "failures", "not_before"])
        _event(actions.VENDOR_RESUMED, vendor, by)
        dispatch.wake([vendor.pk])


def _clear(vendor: Vendor) -> None:
    vendor.pause, vendor.pause_note, vendor.trial_at, vendor.paused_at = "", "", None, None
    vendor.failures, vendor.not_before = 0, None
    # The desk's patience with what could not be sent begins anew: the pause was not the vendor's silence.
    vendor.sub_tasks.filter(status=SubTaskStatus.READY).update(step_since=clock.now())


def _event(action: str, vendor: Vendor, by: Any, **details: Any) -> None:
    actor = actor_of(by) if by else "system:desk"
    record(action, actor=actor, subject=f"vendor:{vendor.pk}", vendor=vendor.slug, **details)
