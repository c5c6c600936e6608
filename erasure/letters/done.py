"""What a reply tells of each vendor: what was done, what is under way and until when, what could not be done."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from erasure import planning
from erasure.models import Case, SubTask
from erasure.reports.spoken import day
from erasure.states import Held, Outcome, RefusalGround, RevisionStatus, SubTaskStatus

from .grounds import grounds

_UNTOUCHED = ("stopped_before_sending", "stopped_before_effect")
_BAD = {Outcome.FAILED, Outcome.REFUSED, Outcome.PENDING}
_WHATEVER_HELD = (Outcome.UNRESTRICTED, Outcome.PROCESSED)


@dataclass
class Told:
    """Sentences, in the active language."""

    done: list[str] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)
    not_done: list[str] = field(default_factory=list)


def of(case: Case) -> Told:
    """A sentence for each vendor's part of the plan versions that were approved, or refused in a case under way."""
    told = Told()
    found = case.sub_tasks.filter(follows=None).select_related("vendor", "revision").prefetch_related("identifiers")
    for sub_task in found.order_by("vendor__name", "revision__number", "by_hand"):
        _tell(told, sub_task)
    for lines in (told.done, told.under_way, told.not_done):
        lines[:] = dict.fromkeys(lines)
    return told


def _tell(told: Told, sub_task: SubTask) -> None:
    outcomes: dict[Outcome, set[str]] = {}
    for use in sub_task.identifiers.all():
        outcomes.setdefault(Outcome(use.outcome), set()).add(use.held)
    vendor = {"vendor": sub_task.vendor.name}
    match SubTaskStatus(sub_task.status):
        case SubTaskStatus.SKIPPED if Outcome.REFUSED in outcomes:
            told.not_done.append(_("%(vendor)s: this part was refused.") % vendor)
        case SubTaskStatus.SKIPPED:  # another part has taken it over, or it was never part of an approved plan
            pass
        case SubTaskStatus.DONE:
            good = list(_good(outcomes))
            told.done += [text % vendor for text in good]
            if _BAD & set(outcomes):
                told.not_done.append(_bad(outcomes, partly=bool(good)) % vendor)
        case SubTaskStatus.STOPPED if sub_task.reason in _UNTOUCHED:
            told.not_done.append(_("%(vendor)s: stopped before anything was changed there.") % vendor)
        case SubTaskStatus.STOPPED if ground := planning.refused_on(sub_task.reason):
            told.not_done.append(_refused(ground) % vendor)
        case SubTaskStatus.STOPPED:
            told.not_done.append(_bad(outcomes, partly=False) % vendor)
        case SubTaskStatus.PLANNED if sub_task.revision.status == RevisionStatus.OPEN:
            told.under_way.append(_("%(vendor)s: in preparation.") % vendor)
        case _ if sub_task.revision.status != RevisionStatus.DISCARDED:
            told.under_way.append(_under_way(sub_task) % vendor)


def _good(outcomes: Mapping[Outcome, set[str]]) -> Iterable[str]:
    """What was done; `outcomes` with whether the vendor held data, as the certificate tells it too."""
    said = [text for outcome, text in _certain().items() if Held.YES in outcomes.get(outcome, ())]
    unsure = _certain() | _unsure()
    for outcome in _certain():
        helds = outcomes.get(outcome, set())
        if Held.YES not in helds and (Held.UNKNOWN in helds or (helds and outcome in _WHATEVER_HELD)):
            said.append(unsure[outcome])
    if not said and Held.YES in outcomes.get(Outcome.NOT_HELD, ()):
        return [_("%(vendor)s: nothing is held there any more.")]
    if said or _BAD & set(outcomes):
        return said
    return [_("%(vendor)s: it was searched, and nothing was found.")]


def _certain() -> dict[Outcome, str]:
    return {
        Outcome.ERASED: _("%(vendor)s: the data was erased."),
        Outcome.RESTRICTED: _("%(vendor)s: the data is kept and no longer used."),
        Outcome.UNRESTRICTED: _("%(vendor)s: the restriction was lifted."),
        Outcome.EXPORTED: _("%(vendor)s: the data was collected; you receive it apart from this letter."),
        Outcome.PROCESSED: _("%(vendor)s: what you asked for was done."),
    }


def _unsure() -> dict[Outcome, str]:
    """Where it is not known whether the vendor held data."""
    return {
        Outcome.ERASED: _("%(vendor)s: the data was erased, if there was any."),
        Outcome.RESTRICTED: _("%(vendor)s: the data, if there is any, is kept and no longer used."),
        Outcome.EXPORTED: _(
            "%(vendor)s: the data, if there was any, was collected; you receive it apart from this letter."
        ),
    }


def _under_way(sub_task: SubTask) -> str:
    if sub_task.expected_at is None:
        return _("%(vendor)s: under way.")
    return _("%(vendor)s: under way, to be done by {day}.").replace("{day}", day(localtime(sub_task.expected_at)))


def _refused(ground: str) -> str:
    return _("%(vendor)s: refused.") + f" {grounds()[RefusalGround(ground)]}".replace("%", "%%")


def _bad(outcomes: Container[Outcome], *, partly: bool) -> str:
    """Why something was not done, as far as the desk knows it; `partly`: something else was."""
    if Outcome.REFUSED in outcomes:
        return _("%(vendor)s: a part of it was refused there.") if partly else _("%(vendor)s: it was refused there.")
    if Outcome.FAILED in outcomes:
        return _("%(vendor)s: a part of it failed there.") if partly else _("%(vendor)s: it failed there.")
    if partly:
        return _("%(vendor)s: a part of it was not done there.")
    return _("%(vendor)s: we could not have it done there.")
