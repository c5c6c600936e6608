"""Writing a letter, and sending it: what the law knows of it, the PDF and the e-mail that is to go out in one
transaction."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from compliance import clock
from erasure import actions, evidence, lifecycle
from erasure.errors import Conflict, Invalid
from erasure.lifecycle.shared import case_event, wrong_state
from erasure.models import Case, Letter
from erasure.states import (
    CaseStatus,
    Channel,
    ExtensionReason,
    InquiryReason,
    LetterKind,
    MailState,
    RefusalGround,
)

from . import sender, sheet, texts
from .values import language_of, name_of, values

#: What writing a letter of this kind takes: what recording its fact by hand takes.
PERMISSIONS = dict.fromkeys(LetterKind, "erasure.change_case") | {LetterKind.REFUSAL: "erasure.reject_case"}


@dataclass(frozen=True)
class Draft:
    """A letter before it is sent. The person's name is still a variable in it, so that it tells nobody who they are."""

    kind: LetterKind
    language: str
    subject: str
    body: str
    reason: str = ""
    ground: str = ""


@dataclass(frozen=True)
class Sent:
    """`remarks` say what was on record before, and so was not recorded again."""

    letter: Letter
    remarks: list[str] = field(default_factory=list)


def write(case: Case, kind: str, *, language: str = "", reason: str = "", ground: str = "") -> Draft:
    """The letter as this desk's text has it for this case. `language`: of the person where none is given; `reason`: of
    an extension; `ground`: of a refusal, the one on record where there is one.

    Raises Invalid for words that are none, and where a reason or ground lacks."""
    ground = ground or (case.refusal_ground if kind == LetterKind.REFUSAL else "")
    _check(kind, language, reason, ground)
    language = language or language_of(case)
    known = values(case, kind, language, reason=reason, ground=ground)
    subject, body = (texts.fill(text, known) for text in texts.text_of(kind, language))
    return Draft(LetterKind(kind), language, subject, body, reason, ground)


def _check(kind: str, language: str, reason: str, ground: str) -> None:
    problems = []
    for pointer, given, known in (
        ("/kind", kind, LetterKind.values),
        ("/language", language or "en", list(texts.LANGUAGES)),
        ("/reason", reason if kind == LetterKind.EXTENSION else ExtensionReason.BOTH, ExtensionReason.values),
        ("/ground", ground if kind == LetterKind.REFUSAL else RefusalGround.EXPRESSION, RefusalGround.values),
    ):
        if given not in known:
            problems.append((pointer, _("Choose one: %(all)s.") % {"all": ", ".join(known)}))
    if reason and kind != LetterKind.EXTENSION:
        problems.append(("/reason", _("Only an extension has a reason.")))
    if ground and kind != LetterKind.REFUSAL:
        problems.append(("/ground", _("Only a refusal has a ground.")))
    if problems:
        raise Invalid(problems)


def why_not_mail(case: Case) -> Conflict | None:
    """Why a letter cannot go to this person by e-mail; None if it can. Raises `vault.Unreadable`."""
    if not sender.is_mailing():
        text = _(
            "This desk sends no letters by e-mail: it takes a mail server (EMAIL_URL) and an address that they come "
            "from (LETTERS_FROM). Send it another way, and say which."
        )
        return Conflict("no_mailing", text)
    if not sender.address_of(case):
        text = _(
            "The person's reply address is no e-mail address. Nothing was sent. Send it another way, and say which."
        )
        return Conflict("no_mail_address", text)
    return None


def send(
    case: Case,
    kind: str,
    *,
    by: Any,
    channel: str,
    language: str = "",
    reason: str = "",
    ground: str = "",
    subject: str = "",
    body: str = "",
    number: uuid.UUID | None = None,
) -> Sent:
    """Sends a letter: by e-mail, as soon as this has committed, or (`channel`) another way, for which somebody prints
    it. Without `subject` and `body` it is what `write` gives; both may have the variables of its kind.

    What the law knows of it is recorded by the deed that records it by hand, with that deed's refusals: the receipt
    confirmed, the person asked, the time extended, the case rejected and answered, the case answered. What is on record
    already is left as it is, and said. The PDF is kept as evidence. `number`: the letter's id, so that a form that is
    sent twice sends one letter.

    Raises Invalid, Conflict, `vault.Unreadable`; then nothing was changed."""
    if channel not in Channel.values:
        raise Invalid([("/channel", _("Choose a channel: %(all)s.") % {"all": ", ".join(Channel.values)})])
    draft = write(case, kind, language=language, reason=reason, ground=ground)
    name = name_of(case)
    subject, body = filled(case, draft, subject or draft.subject, body or draft.body, name)
    if channel == Channel.EMAIL and (refused := why_not_mail(case)):
        raise refused
    number, now = number or uuid.uuid4(), clock.now()
    to = sender.address_of(case) if channel == Channel.EMAIL else ""
    content = printed(case, draft, subject, body, name, to)
    with transaction.atomic():
        locked = Case.locked().get(pk=case.pk)
        if Letter.objects.filter(pk=number).exists():
            raise Conflict("letter_sent_before", _("This letter was sent before. It was not sent a second time."))
        remarks = _record(case, draft, by, channel)
        letter = Letter(id=number, case=locked, kind=kind, language=draft.language, channel=channel, by=by, at=now)
        if channel == Channel.EMAIL:
            letter.mail, letter.next_at, letter.queued_at = MailState.QUEUED, now, now
            letter.seal("mail", {"to": to, "subject": subject, "body": body})
        letter.evidence = evidence.add(locked, by=by, kind="letter", name=f"{kind}.pdf", content=content)
        letter.save(force_insert=True)
        case_event(
            locked,
            actions.LETTER_WRITTEN,
            by,
            str(letter),
            letter=kind,
            language=draft.language,
            channel=channel,
            mail=letter.mail,
            evidence=str(letter.evidence),
            sha256=letter.evidence.sha256,
        )
        Case.objects.filter(pk=case.pk).update(updated_at=now)
    return Sent(letter, remarks)


def filled(case: Case, draft: Draft, subject: str, body: str, name: str) -> tuple[str, str]:
    """Subject and text with all their variables replaced, for a person of this name. Raises Invalid as
    `texts.checked`."""
    subject, body = texts.checked(draft.kind, subject, body)
    known = values(case, draft.kind, draft.language, reason=draft.reason, ground=draft.ground)
    with override(draft.language):
        known["name"] = name or _("Sir or Madam")
    known["greeting"] = texts.fill(known["greeting"], known)
    return texts.fill(subject, known), texts.fill(body, known)


def printed(case: Case, draft: Draft, subject: str, body: str, *address: str) -> bytes:
    """The letter that was filled as a PDF; `address`: lines that say whom it goes to."""
    return sheet.pdf(
        subject=subject,
        body=body,
        sender=sender.sender_name(),
        address=address,
        reference=case.reference,
        language=draft.language,
        at=clock.now(),
    )


# --- what the law knows of it -----------------------------------------------------------------------------------------


def _record(case: Case, draft: Draft, by: Any, channel: str) -> list[str]:
    match draft.kind:
        case LetterKind.ACKNOWLEDGEMENT:
            return _once(
                lambda: lifecycle.acknowledge(case, by=by, channel=channel),
                already_acknowledged=_("That receipt was confirmed was on record before; this letter changes nothing."),
            )
        case LetterKind.IDENTITY_REQUEST | LetterKind.CLARIFICATION_REQUEST:
            identity = draft.kind == LetterKind.IDENTITY_REQUEST
            about = InquiryReason.IDENTITY if identity else InquiryReason.CLARIFICATION
            return _once(
                lambda: lifecycle.ask(case, by=by, reason=about, channel=channel),
                already_asked=_("The question was on record before; the clock goes by the first one."),
            )
        case LetterKind.EXTENSION:
            return _once(
                lambda: lifecycle.extend(case, by=by, reason=draft.reason, channel=channel),
                already_extended=_("The extension was on record before; the due date stays as it is."),
            )
        case LetterKind.REFUSAL:
            return _refuse(case, draft, by, channel)
        case LetterKind.COMPLETION:
            return _reply(case, by, channel)
    return []


def _refuse(case: Case, draft: Draft, by: Any, channel: str) -> list[str]:
    """Refusing the whole request. A plan version of a case under way is refused by itself: the reply tells of it."""
    remarks = []
    if case.status == CaseStatus.REJECTED:
        if draft.ground != case.refusal_ground:
            raise Conflict("wrong_state", _("The case was rejected on another ground. Nothing was sent."))
        remarks.append(_("The rejection was on record before."))
    elif case.status in (CaseStatus.DRAFT, CaseStatus.AWAITING_APPROVAL):
        lifecycle.reject(case, by=by, ground=draft.ground)
    else:
        raise wrong_state(case)
    return [*remarks, *_reply(case, by, channel)]


def _reply(case: Case, by: Any, channel: str) -> list[str]:
    return _once(
        lambda: lifecycle.reply(case, by=by, channel=channel),
        already_answered=_("A reply was on record before; the time to reply ended with that one."),
    )


def _once(deed: Callable[[], None], **known: str) -> list[str]:
    """Does what is recorded once. `known`: a refusal that means that it is on record → what to say of that."""
    try:
        with transaction.atomic():
            deed()
    except Conflict as refused:
        if refused.code not in known:
            raise
        return [known[refused.code]]
    return []
