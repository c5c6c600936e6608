"""Where every case begins: the admin, the API and imports all hand an `Opening` to `open_case`."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.vault.seal import fingerprint, new_key
from erasure import actions, due, planning
from erasure.connectors.base import BadSettings
from erasure.errors import Conflict, Invalid
from erasure.lifecycle import add_note, be_newest, changing, take_up
from erasure.lifecycle.shared import MAX_NOTE
from erasure.models import Case, Identifier, ReferenceCounter, SubTaskIdentifier, Vendor
from erasure.normalise import KNOWN_KINDS, Normal, check_kind, clean_text, is_country, normalise
from erasure.states import CaseStatus, Channel, Ground, IdentifierState, Kind, Regime

CLOCKS_DIFFER = timedelta(minutes=5)
OLDEST = timedelta(days=3653)  # no request is older; beyond it databases and zones disagree about years
MAX_IDENTIFIERS = 500
REQUESTER_FIELDS = {"name": 200, "reply_to": 320, "language": 35, "acting_for": 200}


@dataclass(frozen=True)
class Opening:
    """What is known of a request when it comes in. `identifiers` are pairs of kind and value; `vendors` are slugs, none
    means every enabled vendor; `received_at` is aware, None means now."""

    kind: str
    regime: str
    ground: str
    identifiers: Sequence[tuple[str, str]] = field(repr=False)
    country: str = ""
    subdivision: str = ""
    channel: str = Channel.OTHER
    received_at: datetime | None = None
    external_id: str = field(default="", repr=False)
    requester: Mapping[str, str] = field(default_factory=dict, repr=False)
    vendors: Sequence[str] = ()
    handler: Any = None
    note: str = field(default="", repr=False)


def open_case(opening: Opening, *, by: Any) -> Case:
    """Opens a draft with its first plan version, or changes nothing.

    Raises Invalid with every wrong field (pointers as in the API), and Conflict when this account has used the external
    id: `reference` of the error names the case that has it. Raises Unavailable as `lifecycle.be_newest` does."""
    be_newest()
    now = clock.now()
    received_at = opening.received_at or now
    seen = examine(opening)
    if seen.problems:
        raise Invalid(seen.problems)
    external = opening.external_id.strip()
    mark = fingerprint("external_id", external) if external else ""
    try:
        with transaction.atomic():
            _refuse_used(mark, by)
            case = _insert(opening, by, received_at, now, mark)
            case.vendors.set(seen.vendors)
            for kind, normal in seen.identifiers:
                _add(case, kind, normal, by)
            planning.redraw(case)
            if opening.note.strip():
                add_note(case, by=by, text=opening.note)
    except IntegrityError:
        _refuse_used(mark, by)  # somebody was faster
        raise
    case.refresh_from_db()
    return case


@dataclass(frozen=True)
class Accounts:
    """The vendor accounts as they are now: by short name, and the identifier kinds that the enabled ones take."""

    by_slug: Mapping[str, Vendor]
    kinds: frozenset[str]

    @classmethod
    def read(cls) -> "Accounts":
        accounts = {vendor.slug: vendor for vendor in Vendor.objects.all()}
        kinds: set[str] = set()
        for vendor in accounts.values():
            with suppress(BadSettings):  # a plan says so
                kinds |= set(vendor.speaks().accepts) if vendor.enabled else set()
        return cls(accounts, frozenset(kinds))


@dataclass(frozen=True)
class Examined:
    """What is wrong with an opening (pointers as in the API), the vendors it chose, and its identifiers in their normal
    form, each once."""

    problems: list[tuple[str, str]]
    vendors: list[Vendor]
    identifiers: list[tuple[str, Normal]]


def examine(opening: Opening, accounts: Accounts | None = None) -> Examined:
    """What `open_case` would find wrong with the fields of an opening; nothing is written. Whoever examines many reads
    `accounts` once for all of them. Whether an external id was used is not looked at."""
    now = clock.now()
    accounts = accounts or Accounts.read()
    problems: list[tuple[str, str]] = []
    vendors = _checked(opening, opening.received_at or now, now, problems, accounts)
    identifiers = _identifiers(opening, problems, accounts)
    try:
        clean_text(opening.note, max_length=MAX_NOTE, lines=True)
    except ValueError as error:
        problems.append(("/note", str(error)))
    return Examined(problems, vendors, identifiers)


def _insert(opening: Opening, by: Any, received_at: datetime, now: datetime, mark: str) -> Case:
    received_on = received_at.astimezone(timezone.get_default_timezone()).date()
    case = Case(
        id=uuid.uuid4(),
        reference=next_reference(now),
        kind=opening.kind,
        regime=opening.regime,
        ground=opening.ground,
        country=opening.country,
        subdivision=opening.subdivision,
        channel=opening.channel,
        received_at=received_at,
        received_on=received_on,
        due_on=due.day(opening.regime, received_on, opening.country, opening.subdivision),
        data_key=new_key(),
        external_id_fingerprint=mark,
        opened_by=by,
        handler=opening.handler,
        created_at=now,
        updated_at=now,
    )
    requester = {name: text for name, text in opening.requester.items() if text}
    case.seal("requester", requester or None)
    case.seal("external_id", opening.external_id.strip() or None)
    case.save(force_insert=True)
    record(
        actions.CASE_OPENED,
        actor=actor_of(by),
        case=case.reference,
        subject=f"case:{case.pk}",
        kind=case.kind,
        regime=case.regime,
        ground=case.ground,
        channel=case.channel,
        received_on=received_on.isoformat(),
        due_on=case.due_on.isoformat(),
    )
    return case


def amend(case: Case, opening: Opening, *, by: Any) -> list[str]:
    """Changes the facts of a draft; returns the names of what changed. Identifiers, external id and note of `opening`
    are not looked at. Whoever changes something becomes an author of the plan, who cannot approve it.

    Raises Invalid as `open_case` does, and Conflict unless the case is a draft."""
    received_at = opening.received_at or case.received_at
    problems: list[tuple[str, str]] = []
    vendors = _checked(opening, received_at, clock.now(), problems, Accounts.read())
    if problems:
        raise Invalid(problems)
    facts = {name: getattr(opening, name) for name in ("kind", "regime", "ground", "country", "subdivision", "channel")}
    facts |= {"received_at": received_at, "handler": opening.handler}
    requester = {name: text for name, text in opening.requester.items() if text}
    with changing(case, by) as case:
        if case.status != CaseStatus.DRAFT:
            raise Conflict("wrong_state", _("Only a draft can be changed. Nothing was changed."))
        changed = [name for name, value in facts.items() if getattr(case, name) != value]
        for name in changed:
            setattr(case, name, facts[name])
        if (case.unseal("requester") or {}) != requester:
            case.seal("requester", requester or None)
            changed.append("requester")
        if set(case.vendors.all()) != set(vendors):
            case.vendors.set(vendors)
            changed.append("vendors")
        if not changed:
            return []
        case.received_on = received_at.astimezone(timezone.get_default_timezone()).date()
        asked = case.inquiries.first()
        if asked and asked.asked_on < case.received_on:
            text = _("The person was asked on %(day)s: the request came in no later.")
            raise Invalid([("/received_at", text % {"day": asked.asked_on.isoformat()})])
        case.due_on = due.reckoning(case).due_on
        case.save()
        record(
            actions.CASE_AMENDED,
            actor=actor_of(by),
            case=case.reference,
            subject=f"case:{case.pk}",
            changed=changed,
            due_on=case.due_on.isoformat(),
        )
        planning.redraw(case, by=by)
    return changed


def next_reference(now: datetime) -> str:
    """The next reference of the desk's year. The counter's row stays locked until the case has committed, so there is
    never a gap. Run it in the transaction that inserts the case."""
    year = now.astimezone(timezone.get_default_timezone()).year
    ReferenceCounter.objects.get_or_create(year=year)
    counter = ReferenceCounter.objects.select_for_update().get(year=year)
    counter.last += 1
    counter.save(update_fields=["last"])
    return f"DSR-{year}-{counter.last:06d}"


# --- identifiers ------------------------------------------------------------------------------------------------------


def add_identifier(case: Case, *, by: Any, kind: str, value: str) -> Identifier:
    """Adds an identifier and draws the plan again; whoever adds it cannot approve that plan version. In a case under
    way this makes a new plan version with only the added work. An identifier that the case has is returned as it is."""
    problems: list[tuple[str, str]] = []
    normal = _identifier("", kind, value, case.country, Accounts.read().kinds, problems)
    if normal is None:
        raise Invalid(problems)
    with changing(case, by) as case:
        if (
            case.status not in (CaseStatus.DRAFT, CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS)
            or case.cancelled_at
        ):
            raise Conflict(
                "wrong_state", _("The case is closed. Nothing was changed; open a new case for a further identifier.")
            )
        known = case.identifiers.filter(fingerprint=fingerprint(kind, normal.match)).first()
        if known:
            if known.state != IdentifierState.ACCEPTED:  # suggested, noted or dismissed, and now wanted
                take_up(case, [known], by)
            return known
        added = _add(case, kind, normal, by)
        planning.redraw(case, by=by)
        return added


def remove_identifier(identifier: Identifier, *, by: Any) -> None:
    """Takes an identifier out of a draft."""
    with changing(identifier.case, by) as case:
        if case.status != CaseStatus.DRAFT:
            raise Conflict("wrong_state", _("Identifiers can be removed from a draft only. Nothing was changed."))
        SubTaskIdentifier.objects.filter(identifier=identifier, sub_task__case=case).delete()
        reference, kind = f"identifier:{identifier.pk}", identifier.kind
        identifier.delete()
        record(actions.IDENTIFIER_REMOVED, actor=actor_of(by), case=case.reference, subject=reference, kind=kind)
        planning.redraw(case, by=by)


def _add(case: Case, kind: str, normal: Normal, by: Any) -> Identifier:
    identifier = Identifier(
        id=uuid.uuid4(),
        case=case,
        kind=kind,
        fingerprint=fingerprint(kind, normal.match),
        added_by=by,
        created_at=clock.now(),
    )
    identifier.seal("value", normal.value)
    identifier.save(force_insert=True)
    subject = f"identifier:{identifier.pk}"
    record(actions.IDENTIFIER_ADDED, actor=actor_of(by), case=case.reference, subject=subject, kind=kind)
    return identifier


def possible_duplicates(case: Case, *, limit: int = 10) -> list[str]:
    """References of other cases that name the same person by an exact identifier, newest first."""
    return [other.reference for other in duplicates_of(case)[:limit]]


def duplicates_of(case: Case) -> QuerySet[Case]:
    """The other cases that name the same person by an exact identifier, newest first."""
    marks = case.identifiers.exclude(fingerprint="").values("fingerprint")
    same = Identifier.objects.filter(fingerprint__in=marks, state=IdentifierState.ACCEPTED).exclude(case=case)
    return Case.objects.filter(pk__in=same.values("case")).order_by("-created_at", "-id")


def find_by_identifier(kind: str, value: str) -> list[Case]:
    """Cases that hold this identifier, newest first. Raises Invalid when it is not one."""
    try:
        check_kind(kind)
        mark = fingerprint(kind, normalise(kind, value).match)
    except ValueError as error:
        raise Invalid([("/identifier/value", str(error))]) from None
    return list(Case.objects.filter(identifiers__fingerprint=mark).order_by("-created_at").distinct())


def find_by_external_id(external_id: str) -> list[Case]:
    """Cases with this external id, of whatever account. Raises Invalid when it cannot be one."""
    try:
        mark = fingerprint("external_id", clean_text(external_id, max_length=200))
    except ValueError as error:
        raise Invalid([("/external_id", str(error))]) from None
    return list(Case.objects.filter(external_id_fingerprint=mark))


# --- checks -----------------------------------------------------------------------------------------------------------


def _checked(
    opening: Opening, received_at: datetime, now: datetime, problems: list[tuple[str, str]], accounts: Accounts
) -> list[Vendor]:
    """The chosen vendors; adds to `problems` whatever is wrong, the identifiers aside."""
    for name, choices in (("kind", Kind), ("regime", Regime), ("ground", Ground), ("channel", Channel)):
        if getattr(opening, name) not in choices.values:
            problems.append((f"/{name}", _("Choose one of %(all)s.") % {"all": ", ".join(choices.values)}))
    if opening.country and not is_country(opening.country):
        problems.append(("/country", _("Two capital letters of a country (ISO 3166), such as DE.")))
    if len(opening.subdivision) > 10 or (not opening.subdivision.replace("-", "").isalnum() and opening.subdivision):
        problems.append(("/subdivision", _("The short form of a state or region, such as BY.")))
    elif opening.subdivision and not opening.country:
        problems.append(("/subdivision", _("A state or region needs its country too.")))
    if timezone.is_naive(received_at):
        problems.append(("/received_at", _("The time needs a zone, such as 2026-11-02T09:30:00Z.")))
    elif received_at > now + CLOCKS_DIFFER:
        problems.append(("/received_at", _("This time is in the future.")))
    elif received_at < now - OLDEST:
        problems.append(("/received_at", _("This time is more than ten years ago. Type it anew.")))
    for name, text in opening.requester.items():
        if name not in REQUESTER_FIELDS:
            problems.append((f"/requester/{name}", _("Unknown field.")))
            continue
        try:
            clean_text(text, max_length=REQUESTER_FIELDS[name])
        except ValueError as error:
            problems.append((f"/requester/{name}", str(error)))
    try:
        clean_text(opening.external_id, max_length=200)
    except ValueError as error:
        problems.append(("/external_id", str(error)))

    vendors = []
    for number, slug in enumerate(opening.vendors):
        vendor = accounts.by_slug.get(slug)
        if vendor is None:
            problems.append((f"/vendors/{number}", _("There is no vendor account with this short name.")))
        elif not vendor.enabled:
            problems.append((f"/vendors/{number}", _("This vendor account is disabled.")))
        else:
            vendors.append(vendor)
    return vendors


def _identifiers(opening: Opening, problems: list[tuple[str, str]], accounts: Accounts) -> list[tuple[str, Normal]]:
    """The identifiers in their normal form, each once."""
    if not opening.identifiers:
        problems.append(("/identifiers", _("At least one identifier is needed: without one nobody can be found.")))
    if len(opening.identifiers) > MAX_IDENTIFIERS:
        problems.append(("/identifiers", _("At most %(max)s identifiers a case.") % {"max": MAX_IDENTIFIERS}))
        return []
    found: dict[tuple[str, str], tuple[str, Normal]] = {}
    for number, (kind, value) in enumerate(opening.identifiers):
        normal = _identifier(f"/identifiers/{number}", kind, value, opening.country, accounts.kinds, problems)
        if normal:
            found.setdefault((kind, normal.match), (kind, normal))
    return list(found.values())


def _identifier(
    at: str, kind: str, value: str, country: str, mapped: frozenset[str], problems: list[tuple[str, str]]
) -> Normal | None:
    try:
        check_kind(kind)
    except ValueError as error:
        problems.append((f"{at}/kind", str(error)))
        return None
    if kind not in KNOWN_KINDS and kind not in mapped:
        text = _("No vendor takes this kind of identifier. Known are: %(all)s.")
        problems.append((f"{at}/kind", text % {"all": ", ".join(sorted({*KNOWN_KINDS, *mapped}))}))
        return None
    try:
        return normalise(kind, value, country=country)
    except ValueError as error:
        problems.append((f"{at}/value", str(error)))
        return None


def _refuse_used(mark: str, by: Any) -> None:
    used = Case.objects.filter(opened_by=by, external_id_fingerprint=mark).first() if mark else None
    if used:
        raise Conflict(
            "external_id_used",
            _("This external id was used before, for %(reference)s. Nothing was saved.")
            % {"reference": used.reference},
            reference=used.reference,
        )
