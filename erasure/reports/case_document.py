"""What a case's document says: for whoever judges, from outside, how a request was handled.

No identifier's value, requester, note or other text that somebody typed about a person is in it. Nothing depends on the
time at which it is made."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.utils.text import capfirst
from django.utils.timezone import get_default_timezone_name
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.audit.models import Checkpoint, Event
from erasure import actions, due
from erasure.models import Case, Inquiry, PlanRevision
from erasure.states import (
    Assurance,
    CancelReason,
    CaseStatus,
    Channel,
    Held,
    IdentifierState,
    LetterKind,
    Origin,
    Outcome,
    RefusalGround,
    RevisionStatus,
    Role,
    ShredReason,
)

from . import case_work, steps
from .reading import Reading, moment, number, person
from .times import answer
from .trail_proof import section as trail_section
from .typeset import Block, Cell, Column, Document, Facts, Heading, Mono, Paragraph, Table

MOST_EVENTS = 1000  # told in the document; the file beside it has them all


def document(read: Reading, checkpoint: Checkpoint) -> Document:
    """The document of a case, whose events are all under `checkpoint`."""
    reference = read.case.reference
    return Document(
        title=_("Record of the privacy request %(reference)s") % {"reference": reference},
        name=_("Record of a privacy request"),
        reference=reference,
        footer=_("Up to event %(number)s of the log %(log)s")
        % {"number": number(read.events[-1]), "log": checkpoint.note.partition("\n")[0]},
        page=_("Page {page} of {pages}"),
        language=settings.LANGUAGE_CODE.partition("-")[0],
        date=read.events[-1].at,
        blocks=[
            Paragraph(list(_at_a_glance(read)), boxed=True),
            Paragraph(_about_this(read)),
            *_request(read),
            *_time_limit(read),
            *_plans(read),
            *_identifiers(read),
            *case_work.section(read),
            *_evidence(read),
            *_ending(read),
            *trail_section(read, checkpoint),
            *_course(read),
            *_words(),
        ],
    )


# --- at a glance ------------------------------------------------------------------------------------------------------


def _at_a_glance(read: Reading) -> Iterator[str]:
    case = read.case
    yield _("%(kind)s, under %(regime)s.") % {
        "kind": capfirst(case.get_kind_display()),
        "regime": case.get_regime_display(),
    }
    yield _stands(read)
    if case.held_at:
        yield _("It has been on hold since %(at)s.") % {"at": moment(case.held_at)}
    yield _answered(read)
    if case.shredded_at:
        yield _destroyed(case, case.shredded_at)
    if said := case_work.outcomes(read):
        yield _("Outcomes, counted over vendors and identifiers: %(outcomes)s.") % {"outcomes": said}
    undecided = sum(item.state == IdentifierState.PROPOSED for item in read.identifiers)
    if undecided:
        text = ngettext(
            "%(count)s identifier that a vendor suggested awaits a decision.",
            "%(count)s identifiers that vendors suggested await a decision.",
            undecided,
        )
        yield text % {"count": undecided}


def _destroyed(case: Case, at: datetime) -> str:
    """When the personal data was destroyed, why, and by whom with whose yes."""
    text = _("The personal data of the person was destroyed on %(at)s, with its key. The record stays.")
    said = text % {"at": moment(at)}
    found = getattr(case, "shredding", None)
    if found is None:
        return said
    words = {"why": str(ShredReason(found.reason).label)}
    if found.approved_by is None:
        return said + " " + _("Why: %(why)s.") % words
    words |= {"asked": person(found.asked_by), "approved": person(found.approved_by)}
    return said + " " + _("Why: %(why)s; asked for by %(asked)s, approved by %(approved)s.") % words


def _stands(read: Reading) -> str:
    case = read.case
    if case.cancelled_at and CaseStatus(case.status).is_open:
        return _("The case was cancelled; what had been sent to vendors is being followed to its end.")
    return {
        CaseStatus.DRAFT: _("The case is a draft: its plan has not been submitted, and nothing has been sent."),
        CaseStatus.AWAITING_APPROVAL: _("The plan awaits the approval of a second person. Nothing has been sent."),
        CaseStatus.IN_PROGRESS: _("The case is in progress: not every vendor's part has ended."),
        CaseStatus.COMPLETED: _(
            "The case is completed: every vendor's part has ended, and none was stopped, was refused or failed."
        ),
        CaseStatus.PARTLY_COMPLETED: _(
            "The case ended partly completed: what was asked for, or some of it, was stopped, was refused or failed. "
            "What each vendor did is told below."
        ),
        CaseStatus.REJECTED: _("The request was refused. Nothing was sent to any vendor."),
        CaseStatus.CANCELLED: _("The case was cancelled before anything was sent to a vendor."),
    }[CaseStatus(case.status)]


def _answered(read: Reading) -> str:
    case, reply = read.case, answer(read.case)
    if reply is None:
        if case.cancelled_at:
            return _("No reply to the person is on record; a cancelled case owes none.")
        return _("No reply to the person is on record. The last day for it is %(due)s.") % {"due": case.due_on}
    said = {"on": reply.on, "days": reply.days, "due": case.due_on, "late": reply.late}
    if reply.late > 0:
        return _("The person was answered on %(on)s, %(late)s days after the last day for it (%(due)s).") % said
    return _("The person was answered on %(on)s, within the time limit (%(due)s).") % said


def _about_this(read: Reading) -> str:
    return _(
        "This document tells the case as it stood at its newest event, number %(number)s of the log, of %(at)s. Times "
        "are in UTC; days are those of the zone %(zone)s. It holds no personal data of the person: identifiers stand "
        "here by their kind and by the id under which the trail names them, staff by account name and id."
    ) % {"number": number(read.events[-1]), "at": moment(read.events[-1].at), "zone": get_default_timezone_name()}


# --- the request and its time -----------------------------------------------------------------------------------------


def _request(read: Reading) -> Iterator[Block]:
    case = read.case
    opened = read.last(f"case:{case.pk}", actions.CASE_OPENED)
    place = ", ".join(filter(None, (case.country, case.subdivision)))
    rows: list[tuple[str, Cell]] = [
        (_("Reference"), case.reference),
        (_("Request type"), str(case.get_kind_display())),
        (_("Law"), str(case.get_regime_display())),
        (_("Country"), place or _("not given")),
        (_("Reason"), str(case.get_ground_display())),
        (_("How it came in"), str(case.get_channel_display())),
        (_("Received"), moment(case.received_at)),
        (_("Opened in the desk"), read.done(opened) or f"{moment(case.created_at)}, {person(case.opened_by)}"),
        (_("Handler"), person(case.handler) if case.handler else _("nobody")),
        (_("In the trail"), Mono(f"case:{case.pk}")),
    ]
    yield Heading(_("The request"))
    yield Facts(rows)


def _time_limit(read: Reading) -> Iterator[Block]:
    case, reply = read.case, answer(read.case)
    clocked, subject = due.reckoning(case), f"case:{case.pk}"
    if clocked.stands:  # until the answer it differs from day to day, and this document must not
        counted = _("The clock stands, since the person was asked and has not answered yet.")
    else:
        counted = due.told(case, clocked) or _("It was found by rules that the settings have changed since.")
    noted = [
        (_("Receipt confirmed"), read.done(read.last(subject, actions.CASE_ACKNOWLEDGED))),
        (_("Asked of the person"), [_asked(item) for item in case.inquiries.all()]),
        (_("Who the person is"), _identity(read)),
        (_("Extended"), read.done(read.last(subject, actions.CASE_EXTENDED))),
        (_("Told of the lifting"), read.done(read.last(subject, actions.CASE_TOLD_OF_LIFTING))),
        (_("Restricted since"), moment(case.restricted_at) if case.restricted_at else ""),
        (_("Restriction lifted"), read.done(read.last(subject, actions.CASE_LIFTED))),
    ]
    yield Heading(_("The time limit"))
    yield Facts(
        [
            (_("Day of receipt"), f"{case.received_on}"),
            (_("Time limit"), [counted, due.policy(case.regime).source]),
            *((name, said) for name, said in noted if said),
            (_("Last day for the reply"), f"{case.due_on}"),
            (_("Day of the reply"), f"{reply.on}" if reply else _("none on record")),
            (_("Days to the reply"), str(reply.days) if reply else "–"),
            (_("Within the time limit"), _in_time(read)),
        ]
    )


def _identity(read: Reading) -> str:
    case = read.case
    if not case.identity_result:
        return ""
    found = f"{case.get_identity_result_display()}: {case.get_identity_method_display()}"
    return f"{found}; {read.done(read.last(f'case:{case.pk}', actions.CASE_IDENTITY_CHECKED))}"


def _asked(item: Inquiry) -> str:
    facts = {"about": item.get_reason_display(), "asked": item.asked_on, "answered": item.answered_on}
    text = (
        _("%(about)s: %(asked)s, answered %(answered)s") if item.answered_on else _("%(about)s: %(asked)s, no answer")
    )
    return text % facts


def _in_time(read: Reading) -> str:
    reply = answer(read.case)
    if reply is None:
        return _("no reply is owed") if read.case.cancelled_at else _("not answered yet")
    return _("yes") if reply.late <= 0 else _("no, %(late)s days late") % {"late": reply.late}


# --- plan versions and identifiers ------------------------------------------------------------------------------------


def _plans(read: Reading) -> Iterator[Block]:
    yield Heading(_("Plan versions, and who approved them"))
    yield Paragraph(
        _(
            "A plan version says which vendor is asked to do what for which identifiers. Nothing of it is sent before "
            "it was approved by a person who neither opened the case nor changed that version. The digest binds "
            "vendors, addresses, operations, settings that change an effect, and the identifiers' exact text; it is "
            "keyed, so it gives nothing away."
        )
    )
    for revision in read.revisions:
        yield from _plan(read, revision)
    if not read.revisions:
        yield Paragraph(_("There is none."))


def _plan(read: Reading, revision: PlanRevision) -> Iterator[Block]:
    subject = f"plan:{revision.pk}"
    parties = sorted(revision.parties.all(), key=lambda party: (party.at, party.pk))
    authors = [party for party in parties if party.role == Role.AUTHOR]
    approver = next((party for party in parties if party.role == Role.APPROVER), None)
    approved = read.last(subject, actions.CASE_APPROVED)
    discarded = read.last(subject, actions.PLAN_DISCARDED)
    status = str(RevisionStatus(revision.status).label)
    yield Heading(_("Plan version %(number)s: %(status)s") % {"number": revision.number, "status": status}, level=2)
    rows: list[tuple[str, Cell]] = [
        (_("Opened or changed by"), [f"{person(party.person)}, {moment(party.at)}" for party in authors]),
        (_("Submitted"), read.done(read.last(subject, actions.CASE_SUBMITTED))),
        (
            _("Approved"),
            read.done(approved) or (f"{moment(approver.at)}, {person(approver.person)}" if approver else _("no")),
        ),
        (_("Not approved"), read.done(discarded)),
        (_("Because"), _ground(discarded.details.get("ground", "")) if discarded else ""),
        (_("Digest"), Mono(revision.digest)),
        (_("In the trail"), Mono(subject)),
    ]
    yield Facts([(label, said) for label, said in rows if said])


def _ground(word: str) -> str:
    return str(RefusalGround(word).label) if word in RefusalGround else word


def _identifiers(read: Reading) -> Iterator[Block]:
    yield Heading(_("Identifiers, and what vendors suggested"))
    columns = [Column(_("Identifier"), 9), Column(_("Came from"), 9), Column(_("State"), 6)]
    rows: list[list[Cell]] = []
    decisions = (actions.IDENTIFIER_ACCEPTED, actions.IDENTIFIER_DISMISSED, actions.IDENTIFIER_NOTED)
    for item in read.identifiers:
        subject = f"identifier:{item.pk}"
        vendor = item.found_by.name if item.found_by else _("a vendor")
        came = [_("found by %(vendor)s") % {"vendor": vendor} if item.origin == Origin.DISCOVERED else _("submitted")]
        came += [read.done(event) for event in read.told(subject, actions.IDENTIFIER_ADDED, actions.IDENTIFIER_FOUND)]
        state = [str(IdentifierState(item.state).label)]
        state += [read.done(event) for event in read.told(subject, *decisions)]
        rows.append([[item.kind, Mono(subject)], came, state])
    if rows:
        yield Table(columns, rows)
    else:
        yield Paragraph(_("There is none."))


# --- evidence, ending -------------------------------------------------------------------------------------------------


def _evidence(read: Reading) -> Iterator[Block]:
    yield Heading(_("Evidence"))
    if not read.evidence:
        yield Paragraph(_("No file is kept with this case."))
        return
    yield Paragraph(
        _(
            "Files that vendors delivered or people added. They are kept sealed in the desk and are not in this pack, "
            "as they may hold personal data; size and SHA-256 are those of the plain content."
        )
    )
    columns = [
        Column(_("File"), 10),
        Column(_("From"), 4),
        Column(_("Stored"), 3),
        Column(_("Bytes"), right=True),
        Column(_("Event"), right=True),
    ]
    rows: list[list[Cell]] = []
    for item in read.evidence:
        subject = f"evidence:{item.pk}"
        counts = ", ".join(f"{name}: {count}" for name, count in sorted(item.counts.items()))
        stored = read.last(subject, actions.EVIDENCE_STORED)
        removed = read.last(subject, actions.EVIDENCE_EXPIRED)
        said: list[str | Mono] = [item.kind, *([counts] if counts else []), Mono(subject), Mono(item.sha256)]
        if removed:
            said.append(_("content removed after its time: %(done)s") % {"done": read.done(removed)})
        vendor = item.sub_task.vendor.name if item.sub_task else "–"
        rows.append([said, vendor, moment(item.created_at), f"{item.size:,}", str(number(stored)) if stored else "–"])
    yield Table(columns, rows)


def _ending(read: Reading) -> Iterator[Block]:
    case = read.case
    subject = f"case:{case.pk}"
    rows: list[tuple[str, Cell]] = [
        (_("Reply to the person"), read.done(read.last(subject, actions.CASE_REPLIED)) or _("none on record")),
        (_("Way of the reply"), str(Channel(case.reply_channel).label) if case.reply_channel else ""),
        (_("Letters to the person"), [_letter(read, event) for event in read.of_action(actions.LETTER_WRITTEN)]),
        (_("Refused"), read.done(read.last(subject, actions.CASE_REJECTED))),
        (_("Refused because"), _ground(case.refusal_ground)),
        (_("Cancelled"), read.done(read.last(subject, actions.CASE_CANCELLED))),
        (_("Cancelled because"), str(CancelReason(case.cancel_reason).label) if case.cancel_reason else ""),
        (_("Repeats the case"), case.duplicate_of.reference if case.duplicate_of else ""),
        (_("Status"), str(CaseStatus(case.status).label)),
        (_("Closed"), read.done(read.last(subject, actions.CASE_CLOSED)) or _moment_or_open(read)),
    ]
    yield Heading(_("Reply and closing"))
    yield Facts([(label, said) for label, said in rows if said])


def _letter(read: Reading, event: Event) -> str:
    kind, channel = LetterKind(event.details["letter"]).label, Channel(event.details["channel"]).label
    return _("%(letter)s, %(channel)s: %(done)s") % {"letter": kind, "channel": channel, "done": read.done(event)}


def _moment_or_open(read: Reading) -> str:
    return moment(read.case.closed_at) if read.case.closed_at else _("not yet")


# --- the course of events, and the words ------------------------------------------------------------------------------


def _course(read: Reading) -> Iterator[Block]:
    yield Heading(_("Course of events"))
    shown, left = read.events[:MOST_EVENTS], len(read.events) - MOST_EVENTS
    columns = [Column(_("Event"), right=True), Column(_("Time")), Column(_("By"), 2), Column(_("What happened"), 7)]
    yield Table(columns, [[str(number(e)), moment(e.at), read.by(e), read.what(e)] for e in shown])
    if left > 0:
        text = ngettext("%(left)s more event is in the file.", "%(left)s more events are in the file.", left)
        yield Paragraph(text % {"left": left})


def _words() -> Iterator[Block]:
    yield Heading(_("What the words mean"))
    yield Heading(_("Steps"), level=2)
    yield Facts(steps.words())
    yield Heading(_("Proof levels, weakest first"), level=2)
    yield Facts([(str(level.label), text) for level, text in _proof_levels().items()])
    yield Heading(_("Outcomes"), level=2)
    yield Facts([(str(word.label), text) for word, text in _outcome_words().items()])
    yield Heading(_("Held"), level=2)
    yield Facts([(str(word.label), text) for word, text in _held_words().items()])


def _proof_levels() -> dict[Assurance, str]:
    return {
        Assurance.NONE: _("Nothing shows that the vendor was asked."),
        Assurance.SUBMITTED: _("It was sent. Whether the vendor took it on is not known."),
        Assurance.ACCEPTED: _("The vendor said that it took it on; it has not said that it is done."),
        Assurance.CONFIRMED: _(
            "The vendor's own status said that it is done, or a person confirmed it by hand, who is named then."
        ),
        Assurance.ASKED_AGAIN: _("The vendor was asked again later, and held nothing any more."),
    }


def _outcome_words() -> dict[Outcome, str]:
    return {
        Outcome.ERASED: _("The vendor erased what it held."),
        Outcome.NOT_HELD: _("The vendor held nothing under this identifier."),
        Outcome.RESTRICTED: _("The vendor keeps the data and no longer uses it."),
        Outcome.UNRESTRICTED: _("The restriction was lifted."),
        Outcome.EXPORTED: _("The vendor handed over what it held."),
        Outcome.PROCESSED: _("The vendor did what it was asked for, and does not say it of each identifier."),
        Outcome.PENDING: _("There is no outcome yet."),
        Outcome.FAILED: _("It was not done."),
        Outcome.REFUSED: _("The vendor, or a person at the desk, refused it."),
    }


def _held_words() -> dict[Held, str]:
    return {
        Held.YES: _("The vendor held data under this identifier when it was asked."),
        Held.NO: _("It held none."),
        Held.UNKNOWN: _("It did not say."),
    }
