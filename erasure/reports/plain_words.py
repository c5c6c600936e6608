"""What came of a request, in words for the person: one table for every outcome, one for how well it is proven."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erasure import planning
from erasure.models import SubTask, SubTaskIdentifier
from erasure.states import Assurance, Held, Outcome, RefusalGround

Y, N, U = Held.YES, Held.NO, Held.UNKNOWN

#: What was done, by the outcome and by whether data was held.
RESULTS = {
    (Outcome.ERASED, Y): _("Erased: data was held, and was deleted."),
    (Outcome.ERASED, N): _("Nothing is held: there was no data to delete."),
    (Outcome.ERASED, U): _("Erased, or nothing was held: the vendor does not say which."),
    (Outcome.NOT_HELD, Y): _("Nothing is held any more; data was held before."),
    (Outcome.NOT_HELD, N): _("Nothing was held."),
    (Outcome.NOT_HELD, U): _("Nothing was found."),
    (Outcome.RESTRICTED, Y): _("Restricted: data is kept, and is no longer used."),
    (Outcome.RESTRICTED, N): _("Restricted, though nothing is held."),
    (Outcome.RESTRICTED, U): _("Restricted, or nothing was held: the vendor does not say which."),
    (Outcome.UNRESTRICTED, Y): _("The restriction was lifted: data is held, and may be used again."),
    (Outcome.UNRESTRICTED, N): _("The restriction was lifted; nothing is held."),
    (Outcome.UNRESTRICTED, U): _("The restriction was lifted; the vendor does not say whether data is held."),
    (Outcome.EXPORTED, Y): _("Handed over: what was held was put into a copy for you."),
    (Outcome.EXPORTED, N): _("Nothing was held that could be handed over."),
    (Outcome.EXPORTED, U): _("Handed over, or nothing was held: the vendor does not say which."),
    (Outcome.PROCESSED, Y): _("Done: data was held. The vendor reports on the whole, not on each identifier."),
    (Outcome.PROCESSED, N): _("Done: nothing was held. The vendor reports on the whole, not on each identifier."),
    (Outcome.PROCESSED, U): _("Done. The vendor does not say what it held, nor what became of each identifier."),
    (Outcome.PENDING, Y): _("Not finished: data is held, and it is not known what became of it."),
    (Outcome.PENDING, N): _("Not finished; nothing was held when the vendor looked."),
    (Outcome.PENDING, U): _("Not finished: it is not known whether data is held."),
    (Outcome.FAILED, Y): _("Not done: data is still held."),
    (Outcome.FAILED, N): _("Not done; the vendor says that nothing is held."),
    (Outcome.FAILED, U): _("Not done: it is not known whether data is held."),
    (Outcome.REFUSED, Y): _("Refused: not done, and data is still held."),
    (Outcome.REFUSED, N): _("Refused: not done; nothing is held."),
    (Outcome.REFUSED, U): _("Refused: not done, and it is not known whether data is held."),
}

#: How well that is proven.
PROOFS = {
    Assurance.NONE: _("No proof: the vendor has not said anything about it."),
    Assurance.SUBMITTED: _("Weak: it was sent to the vendor; whether the vendor took it on is not known."),
    Assurance.ACCEPTED: _("Partial: the vendor said that it took it on, and not that it is done."),
    Assurance.CONFIRMED: _("Good: the vendor said so, or a member of staff looked and confirmed it."),
    Assurance.ASKED_AGAIN: _("Best: the vendor was asked again later, and held nothing any more."),
}

#: What a part that did not run to its end means for the person.
REASONS = {
    "searched_none": _("You were looked for there by hand, and nothing was found."),
    "stopped_before_sending": _("It was stopped before anything was sent."),
    "stopped_before_effect": _("It was stopped before the vendor was asked to change anything."),
    "given_up": _("It could not be carried out to its end and was given up."),
    "discarded": _("This part was not approved, so nothing was sent."),
}
_NOTHING_SENT = ("discarded", "stopped_before_sending")
_REFUSED = _("Not done: it was refused, and nothing was changed there.")

_KINDS = {
    "email": _("e-mail address"),
    "phone": _("phone number"),
    "customer_id": _("customer number"),
    "customer_key": _("customer key"),
    "visitor_id": _("visitor number"),
    "cookie_id": _("cookie"),
    "x1_id": _("advertising number"),
    "device_id": _("device number"),
}


def result(sub_task: SubTask, use: SubTaskIdentifier) -> str:
    """What came of one identifier at one vendor."""
    if _unsent(sub_task, use):
        return str(REASONS.get(sub_task.reason, _REFUSED))
    return str(RESULTS[Outcome(use.outcome), Held(use.held)])


def note(sub_task: SubTask) -> str:
    """Why the part did not simply run to its end, where its identifiers do not say it."""
    if ground := refused(sub_task):
        return gettext("Refused: %(ground)s.") % {"ground": ground}
    return "" if sub_task.reason in _NOTHING_SENT else str(REASONS.get(sub_task.reason, ""))


def proof(sub_task: SubTask, use: SubTaskIdentifier) -> str:
    """How well that is proven; nothing to prove where nothing was sent."""
    return "–" if _unsent(sub_task, use) else str(PROOFS[Assurance(use.assurance)])


def _unsent(sub_task: SubTask, use: SubTaskIdentifier) -> bool:
    return is_unsent(sub_task) and use.outcome in (Outcome.PENDING, Outcome.REFUSED)


def is_unsent(sub_task: SubTask) -> bool:
    """Whether the vendor was not asked to change anything."""
    return sub_task.reason in _NOTHING_SENT or bool(refused(sub_task))


def refused(sub_task: SubTask) -> str:
    """The ground on which the desk refused the part; empty if it did not."""
    ground = planning.refused_on(sub_task.reason)
    return str(RefusalGround(ground).label) if ground in RefusalGround else ground


def kind(word: str) -> str:
    """What people call an identifier of this kind."""
    return str(_KINDS.get(word, word.replace("_", " ")))
