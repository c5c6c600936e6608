"""The one thing to do next with a case, for one person at one moment: a pure function of how the case stands.

What this person may do comes before what waits for somebody else; where nothing is theirs, it is said who must act."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from erasure.states import CaseStatus, SubTaskStatus

DAYS_LEFT = 7  # with so few days left to reply, answering is told as the thing to do while vendors are at work


@dataclass(frozen=True)
class Part:
    """One vendor's part that waits for a person, and the sentence that says so."""

    number: Any
    vendor: str
    status: SubTaskStatus
    says: str


@dataclass(frozen=True)
class Situation:
    """How a case stands for one person. `open_plan`: the number of the plan version that awaits approval, and
    `why_not` the rule by which this person cannot approve it. `identify`: that it has to be checked first who the
    person is, and `notice` that they have to be told of a lifting, in words. `parts`: what waits for a person at
    vendors. `at_work`: the vendors under way, and `asked_next` when the next of them is asked, in words. `may`: the
    names of the deeds that this person's permissions allow. `untold`: the recipients that were neither told nor
    need not be. `shredding`: somebody asks for the destruction of the personal data, and `why_not_shred` the rule by
    which this person cannot approve it; `shredded`: it was destroyed."""

    status: CaseStatus
    held: bool = False
    shredding: bool = False
    why_not_shred: str = ""
    shredded: bool = False
    cancelled: bool = False
    answered: bool = False
    days_left: int = 30
    has_identifier: bool = True
    open_plan: int | None = None
    why_not: str = ""
    identify: str = ""
    notice: str = ""
    suggestions: int = 0
    parts: tuple[Part, ...] = ()
    at_work: tuple[str, ...] = ()
    asked_next: str = ""
    untold: int = 0
    may: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Next:
    """What is to be done, or that nothing is: `what` in one sentence, and `why` or by whom. `mine`: this person can do
    it: by the case's deed `deed`, or where `anchor` on the page leads (`label` is what the link says)."""

    what: str
    why: str = ""
    deed: str = ""
    mine: bool = False
    anchor: str = ""
    label: str = ""
    ends: bool = False


@dataclass(frozen=True)
class _Wanted:
    """One thing that somebody has to do: the deed that its doing takes, who has it, and how it reads for them."""

    takes: str
    who: str
    next: Next
    forbidden: str = ""


def next_action(now: Situation) -> Next:
    """What this person is to do next; else what waits for somebody else, and for whom; else that nothing does."""
    wanted = list(_wanted(now))
    for item in wanted:
        if item.takes in now.may and not item.forbidden:
            return item.next
    if not wanted:
        return _nothing(now)
    first = wanted[0]
    return Next(first.next.what, first.forbidden if first.takes in now.may else first.who)


def besides(now: Situation, told: Next) -> list[Next]:
    """The plan, the suggestions and the destruction that wait for a decision too, where the next action is another."""
    found = []
    for item in _wanted(now):
        if item.takes not in ("approve", "proposals", "approve_shred") or item.next.what == told.what:
            continue
        mine = item.takes in now.may and not item.forbidden
        why = item.next.why if mine else item.forbidden if item.takes in now.may else item.who
        found.append(Next(item.next.what, why, mine=mine, anchor=item.next.anchor))
    return found


def _wanted(now: Situation) -> Iterator[_Wanted]:
    """What people have to do, the most pressing first."""
    if now.shredded:
        return
    if not now.status.is_open:
        if now.held:
            yield _keep()
        if now.shredding:
            yield _shredding(now.why_not_shred)
        if not (now.answered or now.cancelled):
            yield _reply(
                _("The case has ended, but the person has not been answered yet: answer them, then record the reply.")
            )
        yield from (_part(item) for item in now.parts)  # a vendor was asked again
        if now.untold:
            yield _recipients(now.untold)
        return
    if now.held:
        yield _release()
    if now.status == CaseStatus.DRAFT:
        yield _submit() if now.has_identifier else _identify()
        return
    yield from (_part(item) for item in now.parts if item.status == SubTaskStatus.NEEDS_ATTENTION)
    if not now.cancelled:
        if now.suggestions:
            yield _suggestions(now.suggestions)
        if now.identify and now.open_plan is not None:
            yield _by_intake("identity", now.identify)
        if now.notice:
            yield _by_intake("told_of_lifting", now.notice)
        if now.open_plan is not None:
            yield _approval(now.open_plan, now.why_not)
    yield from (_part(item) for item in now.parts if item.status != SubTaskStatus.NEEDS_ATTENTION)
    if now.status == CaseStatus.IN_PROGRESS and not (now.answered or now.cancelled) and now.days_left <= DAYS_LEFT:
        yield _reply(
            _(
                "The person has not been answered yet, and the time to reply is running out: answer them, then record "
                "the reply."
            ),
            _("The time to reply ends with it; work at vendors goes on."),
        )


def _somebody(roles: str) -> str:
    return _("Somebody with the role %(roles)s can do it.") % {"roles": roles}


def _reply(what: str, why: str = "") -> _Wanted:
    return _Wanted("reply", _somebody(_("intake")), Next(what, why, "reply", mine=True))


def _by_intake(deed: str, what: str) -> _Wanted:
    return _Wanted(deed, _somebody(_("intake")), Next(what, "", deed, mine=True))


def _release() -> _Wanted:
    what = _("The case is on hold: nothing is sent until it is released.")
    why = _("Release it once the reason is over. The time to reply runs on.")
    return _Wanted("release", _somebody(_("approver")), Next(what, why, "release", mine=True))


def _keep() -> _Wanted:
    what = _("The case is on hold: its personal data is kept until it is released.")
    why = _("Release it once the reason is over.")
    return _Wanted("release", _somebody(_("approver")), Next(what, why, "release", mine=True))


def _shredding(why_not: str) -> _Wanted:
    what = _("Somebody asks for the destruction of the personal data of this case.")
    who = _("Another person with the role approver must approve it.")
    why = _("Approve it, or keep the data. What is destroyed cannot be brought back.")
    return _Wanted("approve_shred", who, Next(what, why, "approve_shred", mine=True), why_not)


def _submit() -> _Wanted:
    what = _("The draft has to be submitted for approval.")
    why = _("Read below what would be done. Then submit it: another person approves it, and nothing is sent before.")
    return _Wanted("submit", _somebody(_("intake")), Next(what, why, "submit", mine=True))


def _identify() -> _Wanted:
    what = _("The case has no identifier: without one nobody can be found.")
    why = _("Add what names the person at the vendors.")
    return _Wanted("add_identifier", _somebody(_("intake")), Next(what, why, "add_identifier", mine=True))


def _approval(number: int, why_not: str) -> _Wanted:
    what = _("Plan version %(number)s awaits approval.") % {"number": number}
    who = _("Another person with the role approver must approve this plan.")
    why = _("What it does stands below; you can approve it at the end of that.")
    label = _("Read the plan and decide")
    return _Wanted("approve", who, Next(what, why, mine=True, anchor=f"plan-{number}", label=label), why_not)


def _suggestions(count: int) -> _Wanted:
    text = ngettext(
        "%(count)s suggested identifier awaits a decision: accept or dismiss it.",
        "%(count)s suggested identifiers await a decision: accept or dismiss each.",
        count,
    )
    why = _("A shared device can belong to somebody else: accept only what you are sure names this person.")
    mine = Next(text % {"count": count}, why, mine=True, anchor="proposals", label=_("Look and decide"))
    return _Wanted("proposals", _("Somebody with the role intake decides."), mine)


def _recipients(count: int) -> _Wanted:
    text = ngettext(
        "%(count)s recipient of the data has not been told: tell it, or record why not.",
        "%(count)s recipients of the data have not been told: tell them, or record why not.",
        count,
    )
    why = _("Whoever received the data is to be told of its erasure or restriction (GDPR art. 19).")
    mine = Next(text % {"count": count}, why, mine=True, anchor="recipients", label=_("Go to the recipients"))
    return _Wanted("told_recipient", _somebody(_("intake")), mine)


_TAKES = {
    SubTaskStatus.NEEDS_ATTENTION: "retry",
    SubTaskStatus.AWAITING_ATTESTATION: "attest",
    SubTaskStatus.AWAITING_IDENTIFIER: "add_identifier",
}


def _part(part: Part) -> _Wanted:
    roles, why = {
        SubTaskStatus.NEEDS_ATTENTION: (_("approver"), _("Read what happened there first.")),
        SubTaskStatus.AWAITING_ATTESTATION: (_("intake or approver"), _("What you write there is the evidence.")),
        SubTaskStatus.AWAITING_IDENTIFIER: (
            _("intake"),
            _("If nobody is found there, record that they were searched: the case cannot end before."),
        ),
    }[part.status]
    label = _("Go to %(vendor)s") % {"vendor": part.vendor}
    return _Wanted(
        _TAKES[part.status],
        _somebody(roles),
        Next(part.says, why, mine=True, anchor=f"work-{part.number}", label=label),
    )


def _nothing(now: Situation) -> Next:
    if not now.status.is_open:
        return Next(_("Nothing is left to do."), _ended(now), ends=True)
    if now.cancelled:
        why = _("The case is cancelled. What was sent cannot be recalled and is followed to its end.")
        return Next(_("Nothing to do for now."), why)
    if now.at_work:
        text = _("Vendors are at work: %(vendors)s.") % {"vendors": ", ".join(now.at_work)}
        return Next(_("Nothing to do for now."), f"{text} {now.asked_next}".strip())
    return Next(_("Nothing to do for now."))


def _ended(now: Situation) -> str:
    if now.shredded:
        return _("Its personal data was destroyed. What was done stays on record, and the trail proves it.")
    match now.status:
        case CaseStatus.COMPLETED:
            return _("Every vendor has done its part, and the person was answered.")
        case CaseStatus.PARTLY_COMPLETED if now.cancelled:
            return _("The case was cancelled after something had been sent: see below what each vendor did.")
        case CaseStatus.PARTLY_COMPLETED:
            return _("Some of it could not be done: see below at which vendor. The person was answered.")
        case CaseStatus.REJECTED:
            return _("The request was refused, nothing was sent for it, and the person was answered.")
    return _("The case was cancelled before anything was sent.")
