"""What the variables of a letter stand for in one case, in the language of the letter."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import override

from erasure import due
from erasure.models import Case
from erasure.reports.spoken import base, day, named
from erasure.states import ExtensionReason, InquiryReason, Kind, LetterKind, RefusalGround, Regime

from . import done, recipients
from .grounds import grounds
from .sender import sender_name

_ABOUT = {
    LetterKind.IDENTITY_REQUEST: InquiryReason.IDENTITY,
    LetterKind.CLARIFICATION_REQUEST: InquiryReason.CLARIFICATION,
}


def language_of(case: Case) -> str:
    """The language of the person, if letters know it; else English. Raises `vault.Unreadable`."""
    return base(named(requester(case).get("language") or ""))


def requester(case: Case) -> dict[str, str]:
    return dict(case.unseal("requester") or {})


def name_of(case: Case) -> str:
    """The person's name; empty where none is known."""
    return requester(case).get("name", "")


def values(case: Case, kind: str, language: str, *, reason: str = "", ground: str = "") -> dict[str, str]:
    """Variable → text. The name stays a variable: it is replaced when the letter is sent, and shown to nobody before
    that."""
    with override(language):
        found = {
            name: text.replace("{", "(").replace("}", ")")
            for name, text in _plain(case, LetterKind(kind), reason, ground).items()
        }
        known = bool(name_of(case))
        greeting = _("Dear {name},") if known else _("Dear Sir or Madam,")
        return {**found, "greeting": greeting, "name": "{name}"}


def _plain(case: Case, kind: LetterKind, reason: str, ground: str) -> dict[str, str]:
    due_on, before = case.due_on, case.due_on
    if kind == LetterKind.EXTENSION:
        if case.extended_at:
            before = due.day(case.regime, case.received_on, case.country, case.subdivision)
        else:
            due_on = due.reckoning(case).extended_due_on or case.due_on
    found = {
        "reference": case.reference,
        "received_on": day(case.received_on),
        "due_on": day(due_on),
        "due_before": day(before),
        "kind": (_kinds_for_another() if requester(case).get("acting_for") else _kinds())[Kind(case.kind)],
        "law": _laws()[Regime(case.regime)],
        "complain": _complain(case.regime),
        "sender": sender_name() or _("Your privacy team"),
    }
    if kind in _ABOUT:
        found["clock"] = _clock(case, _ABOUT[kind])
    if reason:
        found["reasons"] = _reasons()[ExtensionReason(reason)]
    if ground:
        found["ground"] = grounds()[RefusalGround(ground)]
    if kind == LetterKind.COMPLETION:
        told = done.of(case)
        found["done"] = _list(_("This has been done:"), told.done)
        found["under_way"] = _list(_("This is under way, and we follow it to its end:"), told.under_way)
        found["not_done"] = _list(_("This was not done:"), told.not_done)
    if kind == LetterKind.RECIPIENTS:
        named = recipients.told(case)
        none = _("So far no other recipient has been told of it.")
        found["recipients"] = (
            _list(_("These are the recipients of your data, and when each was told of your request:"), named) or none
        )
    return found


def _list(heading: str, lines: Iterable[str]) -> str:
    items = [f"- {line}" for line in lines]
    return "\n".join([heading, *items]) if items else ""


def _clock(case: Case, about: InquiryReason) -> str:
    if due.stands_for(case.regime, about):
        return _("The law lets the time for our answer stand still until we have yours; it then goes on.")
    return _("The time for our answer runs on meanwhile; it ends on %(day)s.") % {"day": day(case.due_on)}


# --- words ------------------------------------------------------------------------------------------------------------


def _kinds() -> dict[Kind, str]:
    return {
        Kind.ERASURE: _("the erasure of your personal data"),
        Kind.RESTRICTION: _("the restriction of the processing of your personal data"),
        Kind.LIFT_RESTRICTION: _("the lifting of the restriction on your personal data"),
        Kind.EXPORT: _("a copy of your personal data"),
    }


def _kinds_for_another() -> dict[Kind, str]:
    return {
        Kind.ERASURE: _("the erasure of personal data of the person for whom you act"),
        Kind.RESTRICTION: _("the restriction of the processing of personal data of the person for whom you act"),
        Kind.LIFT_RESTRICTION: _("the lifting of the restriction on personal data of the person for whom you act"),
        Kind.EXPORT: _("a copy of personal data of the person for whom you act"),
    }


def _laws() -> dict[Regime, str]:
    return {
        Regime.GDPR: _("the General Data Protection Regulation"),
        Regime.UK_GDPR: _("the UK General Data Protection Regulation"),
        Regime.CCPA: _("the California Consumer Privacy Act"),
        Regime.US_VA: _("the Virginia Consumer Data Protection Act"),
        Regime.US_CO: _("the Colorado Privacy Act"),
        Regime.OWN: _("our own rules"),
    }


def _reasons() -> dict[ExtensionReason, str]:
    return {
        ExtensionReason.COMPLEXITY: _("The reason: your request is complex. Several systems have to be searched."),
        ExtensionReason.NUMBER: _("The reason: we have a great number of requests to answer at this time."),
        ExtensionReason.BOTH: _(
            "The reasons: your request is complex, and we have a great number of requests to answer at this time."
        ),
    }


def _complain(regime: str) -> str:
    """Where to complain, and that there are courts (GDPR art. 12(4), 77 and 79)."""
    european = _(
        "You have the right to complain to a data protection authority, in particular that of the country in which "
        "you live or work, and to go to court."
    )
    return {
        Regime.UK_GDPR: _(
            "You have the right to complain to the Information Commissioner's Office (ico.org.uk/make-a-complaint), "
            "and to go to court."
        ),
        Regime.CCPA: _(
            "You can complain to the California Privacy Protection Agency (cppa.ca.gov) or to the Attorney General of "
            "California (oag.ca.gov)."
        ),
        Regime.US_VA: _(
            "You can appeal to us against this within a reasonable time, by answering this letter. You can complain to "
            "the Attorney General of Virginia (oag.state.va.us)."
        ),
        Regime.US_CO: _(
            "You can appeal to us against this within a reasonable time, by answering this letter. You can complain to "
            "the Attorney General of Colorado (coag.gov)."
        ),
        Regime.OWN: _(
            "If you are not content with our answer, please write to us. You can also ask a data protection authority "
            "for advice."
        ),
    }.get(Regime(regime), european)
