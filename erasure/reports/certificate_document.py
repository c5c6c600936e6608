"""What the certificate of a case says: to the person, in plain words. Members of staff are not named, and identifiers
are masked. Nothing depends on the time at which it is made."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.audit import signing
from compliance.audit.models import Checkpoint, Event
from erasure import actions
from erasure.models import Identifier, PlanRevision, SubTask
from erasure.normalise import mask
from erasure.states import CaseStatus, Channel, Kind, Operation, Outcome, RefusalGround, RevisionStatus

from . import plain_words
from .reading import Reading, moment, number
from .spoken import active, day
from .times import answer
from .trail_proof import COMMAND
from .typeset import Block, Cell, Code, Column, Document, Facts, Heading, Mono, Paragraph, Table

_BY_HAND = (actions.WORK_ATTESTED, actions.WORK_PARTLY_ATTESTED, actions.WORK_SEARCHED)
_UNDONE = frozenset({Outcome.PENDING, Outcome.FAILED, Outcome.REFUSED})


def document(read: Reading, checkpoint: Checkpoint) -> Document:
    """In the active language. Raises `vault.Unreadable` once the personal data has been destroyed."""
    title = _("Certificate of erasure") if _certifies(read) else _("Record of what was done")
    return Document(
        title=title,
        name=title,
        reference=read.case.reference,
        footer=_("Up to event %(number)s of the log %(log)s")
        % {"number": number(read.events[-1]), "log": checkpoint.note.partition("\n")[0]},
        page=_("Page {page} of {pages}"),
        language=active(),
        date=read.events[-1].at,
        blocks=[
            Paragraph(list(_in_short(read)), boxed=True),
            *_request(read),
            *_work(read),
            *_refused(read),
            *_decided(read),
            *_proven(read, checkpoint),
        ],
    )


def _certifies(read: Reading) -> bool:
    """Whether anything was erased, or is not there."""
    return read.case.kind == Kind.ERASURE and _something_done(read)


def _something_done(read: Reading) -> bool:
    outcomes = {use.outcome for sub_task in read.sub_tasks for use in read.uses[sub_task.pk] if not sub_task.follows_id}
    return bool(outcomes - _UNDONE) or any(sub_task.reason == "searched_none" for sub_task in read.sub_tasks)


def _in_short(read: Reading) -> Iterator[str]:
    case = read.case
    yield {
        Kind.ERASURE: _("On %(day)s you asked for your personal data to be erased."),
        Kind.RESTRICTION: _("On %(day)s you asked for the use of your personal data to be restricted."),
        Kind.LIFT_RESTRICTION: _("On %(day)s a restriction of the use of your personal data was to be lifted."),
        Kind.EXPORT: _("On %(day)s you asked for a copy of your personal data."),
    }[Kind(case.kind)] % {"day": day(case.received_on)}
    if case.cancelled_at and case.status == CaseStatus.PARTLY_COMPLETED:
        yield _("The request was withdrawn or stopped when some of it had begun. What was done stands below.")
        return
    yield {
        CaseStatus.COMPLETED: _("All of it was done. What each recipient of your data did stands below."),
        CaseStatus.PARTLY_COMPLETED: _(
            "Some of it was done, and some was not. What was not, and why, stands below with each recipient of your "
            "data."
        )
        if _something_done(read)
        else _("It could not be done. Why, stands below with each recipient of your data."),
        CaseStatus.REJECTED: _("The request was refused, and nothing was sent to anybody."),
        CaseStatus.CANCELLED: _("The request was withdrawn or stopped before anything was sent to anybody."),
    }[CaseStatus(case.status)]


def _request(read: Reading) -> Iterator[Block]:
    case, reply = read.case, answer(read.case)
    name = dict(case.unseal("requester") or {}).get("name", "")
    answered = [day(reply.on), str(Channel(case.reply_channel).label)] if reply else []
    rows: list[tuple[str, Cell]] = [
        (_("Reference"), case.reference),
        (_("For"), name),
        (_("Request type"), str(case.get_kind_display())),
        (_("Law"), str(case.get_regime_display())),
        (_("Received"), day(case.received_on)),
        (_("Time extended"), day(case.extended_at) if case.extended_at else ""),
        (_("Answered"), ", ".join(answered)),
        (_("Ended"), day(case.closed_at) if case.closed_at else ""),
    ]
    yield Heading(_("Your request"))
    yield Facts([(label, said) for label, said in rows if said])


# --- what each vendor did ---------------------------------------------------------------------------------------------


def _work(read: Reading) -> Iterator[Block]:
    parts = [
        sub_task
        for sub_task in read.sub_tasks
        if sub_task.reason != "replaced" and not sub_task.follows_id and sub_task.revision.status != RevisionStatus.OPEN
    ]
    if not parts:
        return
    masks = {item.pk: mask(item.kind, item.value()) for item in _identifiers(read)}
    yield Heading(_("What was done, and how well it is proven"))
    yield Paragraph(
        _(
            "Your data was looked for under the identifiers named here, which are shown in part, so that this page "
            "gives nothing away."
        )
    )
    for sub_task in parts:
        yield Heading(sub_task.vendor.name, level=2)
        yield Facts([(label, said) for label, said in _facts(read, sub_task) if said])
        rows: list[list[Cell]] = [
            [
                [plain_words.kind(use.identifier.kind), masks[use.identifier_id]],
                plain_words.result(sub_task, use),
                plain_words.proof(sub_task, use),
            ]
            for use in read.uses[sub_task.pk]
        ]
        if rows:
            yield Table([Column(_("Identifier"), 5), Column(_("What was done"), 7), Column(_("Proof"), 7)], rows)


def _identifiers(read: Reading) -> list[Identifier]:
    return list(read.case.identifiers.select_related("case__data_key"))


def _facts(read: Reading, sub_task: SubTask) -> Iterator[tuple[str, str]]:
    yield _("Asked to"), "" if plain_words.is_unsent(sub_task) else str(Operation(sub_task.operation).label)
    yield _("Asked on"), day(sub_task.committed_at) if sub_task.committed_at else ""
    by_hand = read.told(f"sub_task:{sub_task.pk}", *_BY_HAND)
    yield _("Confirmed by hand"), day(by_hand[-1].at) if by_hand else ""
    yield _("Ended"), day(sub_task.ended_at) if sub_task.ended_at else ""
    yield _("Note"), plain_words.note(sub_task)


# --- refusals and approvals -------------------------------------------------------------------------------------------


def _refused(read: Reading) -> Iterator[Block]:
    lines = []
    if read.case.refusal_ground:
        lines.append(_("The request was refused: %(ground)s.") % {"ground": _ground(read.case.refusal_ground)})
    for event in read.of_action(actions.PLAN_DISCARDED):
        if ground := _ground(event.details.get("ground", "")):
            said = {"day": day(event.at), "ground": ground}
            lines.append(_("On %(day)s a part of it was refused: %(ground)s.") % said)
    for sub_task in read.sub_tasks:
        if sub_task.ended_at and (ground := plain_words.refused(sub_task)):
            said = {"day": day(sub_task.ended_at), "vendor": sub_task.vendor.name, "ground": ground}
            lines.append(_("On %(day)s it was refused for %(vendor)s: %(ground)s.") % said)
    if lines:
        yield Heading(_("What was refused, and why"))
        yield Paragraph(lines)


def _ground(word: str) -> str:
    return str(RefusalGround(word).label) if word in RefusalGround else word


def _decided(read: Reading) -> Iterator[Block]:
    approved = [version for version in read.revisions if version.status == RevisionStatus.APPROVED]
    if not approved:
        return
    yield Heading(_("Who decided"))
    yield Paragraph([line for version in approved for line in _approval(read, version)])


def _approval(read: Reading, version: PlanRevision) -> Iterator[str]:
    event = read.last(f"plan:{version.pk}", actions.CASE_APPROVED)
    on = event.at if event else version.approved_at
    people = len({party.person_id for party in version.parties.all()})
    text = ngettext(
        "Version %(number)s of the plan, of %(day)s: drawn up and approved by %(people)s member of staff.",
        "Version %(number)s of the plan, of %(day)s: drawn up and approved by %(people)s members of staff; whoever "
        "approved it had no part in drawing it up.",
        people,
    )
    if on:
        yield text % {"number": version.number, "day": day(on), "people": people}


# --- the trail --------------------------------------------------------------------------------------------------------


def _proven(read: Reading, checkpoint: Checkpoint) -> Iterator[Block]:
    first, last = read.events[0], read.events[-1]
    signers = signing.signed_by(checkpoint.note, signing.keys_on_record())
    yield Heading(_("How to check this"))
    yield Paragraph(
        _(
            "Everything that was done for your request is on record in a sealed log, in which nothing can be changed "
            "without being noticed (a Merkle tree, RFC 9162, with signed checkpoints). This file is on record there "
            "too: the log holds its SHA-256 in an event “certificate.issued”, which comes after the events named here."
        )
    )
    yield Facts(
        [
            (_("Log"), Mono(checkpoint.note.partition("\n")[0])),
            (_("Events of this case"), _range(read, first, last)),
            (_("Checkpoint"), _("%(size)s events, sealed %(at)s") % {"size": checkpoint.size, "at": _utc(checkpoint)}),
            (_("Root"), Mono(checkpoint.root)),
            (_("Signed with the key"), [Mono(key.verifier_key) for key in signers]),
        ]
    )
    yield Paragraph(_("The checkpoint, as it was signed:"))
    yield Code(checkpoint.note.rstrip("\n").split("\n"))
    yield Paragraph(
        _(
            "Ask us for the record of your case in the log (the “regulator pack” of this reference): it holds the "
            "events, the program verify.py, and the public key. With Python 3.11 or newer and nothing else, in the "
            "folder of those files:"
        )
    )
    yield Code([COMMAND])
    yield Paragraph(
        _(
            "It says whether the events are in the log unchanged. Then compute the SHA-256 of this file, and compare "
            "it with the one in the event “certificate.issued” in trail.csv: if they are equal, this is the file that "
            "was issued, to the letter."
        )
    )


def _range(read: Reading, first: Event, last: Event) -> str:
    count = len(read.events)
    text = ngettext(
        "%(count)s event, number %(first)s",
        "%(count)s events, the first number %(first)s, the last number %(last)s",
        count,
    )
    return text % {"count": count, "first": number(first), "last": number(last)}


def _utc(checkpoint: Checkpoint) -> str:
    return f"{moment(checkpoint.at)} UTC"
