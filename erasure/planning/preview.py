"""What a plan would send, told before it is: by the code that sends it, and in sentences for people who decide."""

import dataclasses
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from compliance import clock
from erasure.connectors.base import BadSettings, Connector, Id, Misconfigured, Said, Work
from erasure.connectors.http import PreparedCall, Preview, Previewed
from erasure.models import Case, Identifier, SubTask, SubTaskIdentifier
from erasure.states import (
    Assurance,
    Held,
    IdentifierState,
    Operation,
    Origin,
    Outcome,
)

from .reasons import NO_IDENTIFIER, reason_text, refused_on


def work_of(sub_task: SubTask, uses: Sequence[SubTaskIdentifier] | None = None) -> Work:
    """A sub-task as its connector sees it. Opens sealed values; raises `vault.Unreadable`. `uses`: its identifiers,
    where a page has fetched them."""
    if uses is None:
        uses = list(sub_task.identifiers.select_related("identifier__case__data_key"))
    ids = tuple(Id(str(use.identifier_id), use.identifier.kind, use.identifier.value()) for use in uses)
    said = {
        str(use.identifier_id): Said(Outcome(use.outcome), Held(use.held), Assurance(use.assurance), use.reference)
        for use in uses
    }
    return Work(
        ref=str(sub_task.pk),
        operation=Operation(sub_task.operation),
        ids=ids,
        regime=sub_task.case.regime,
        ground=sub_task.case.ground,
        sent_at=clock.now(),
        memory=sub_task.unseal("memory") or {},
        due=ids,
        said=said,
        cancelled=sub_task.case.cancelled_at is not None,
        salt=secrets.token_hex(16),
    )


def first_call(sub_task: SubTask, uses: Sequence[SubTaskIdentifier] | None = None) -> PreparedCall | None:
    """The first call that an approval would set going, built by the code that sends it; None for work by hand. `uses`:
    see `work_of`."""
    connector = sub_task.vendor.speaks()
    start = connector.starts.get(Operation(sub_task.operation))
    if (
        sub_task.by_hand
        or refused_on(sub_task.reason)
        or not start
        or not (sub_task.identifiers.exists() if uses is None else uses)
    ):
        return None
    work = work_of(sub_task, uses)
    most = connector.steps[start].batch
    work = dataclasses.replace(work, memory={}, said={}, due=work.due[: most or None])
    try:
        connector.run(start, [work], Preview(sub_task.vendor.base_url))
    except Previewed as shown:
        return shown.call
    return None


@dataclass(frozen=True)
class PlannedCall:
    """One kind of call of a sub-task's whole run: `step` as staff see it, `writes` if it changes something there,
    `commits` if from there on data of people changes and cannot be recalled."""

    step: str
    method: str
    address: str
    writes: bool
    commits: bool


def calls(sub_task: SubTask) -> list[PlannedCall]:
    """The calls that an approval would set going, in their order; none for work by hand."""
    if sub_task.by_hand or sub_task.reason == NO_IDENTIFIER or refused_on(sub_task.reason):
        return []
    try:
        connector = sub_task.vendor.speaks()
    except BadSettings:
        return []
    operation = Operation(sub_task.operation)
    again = connector.again(operation)
    return [
        PlannedCall(str(step.label), method, sub_task.vendor.base_url + path, step.writes, step.commits)
        for name, method, path in [*connector.calls(operation), *(again.calls if again else ())]
        if (step := connector.steps[name])
    ]


def unused(case: Case) -> list[Identifier]:
    """Accepted identifiers that no plan version of the case sends anywhere."""
    used = SubTaskIdentifier.objects.filter(sub_task__case=case).values("identifier")
    return list(case.identifiers.filter(state=IdentifierState.ACCEPTED).exclude(pk__in=used))


def explain(sub_task: SubTask) -> list[str]:
    """Sentences for people who decide about a plan."""
    try:
        connector = sub_task.vendor.speaks()
    except (BadSettings, Misconfigured) as error:
        return [str(error)]
    lines = [reason_text(sub_task.reason)] if sub_task.reason else []
    if sub_task.by_hand:
        lines.append(connector.instructions(Operation(sub_task.operation)))
    elif sub_task.reason != NO_IDENTIFIER and not refused_on(sub_task.reason):
        lines += [str(line) for line in connector.explain(Operation(sub_task.operation))]
    lines += [*found_elsewhere(sub_task), _left_out(sub_task, connector)]
    return [line for line in lines if line]


def found_elsewhere(sub_task: SubTask) -> list[str]:
    """A warning for each vendor that found identifiers of this work, for people who decide about a plan."""
    kinds: dict[str, set[str]] = {}
    for use in sub_task.identifiers.all():
        if use.identifier.origin == Origin.DISCOVERED:
            kinds.setdefault(str(use.identifier.found_by), set()).add(use.identifier.kind)
    text = _(
        "%(kinds)s: found by %(vendor)s. A shared device can belong to somebody else, whose data this would reach."
    )
    return [text % {"kinds": listed(found), "vendor": vendor} for vendor, found in sorted(kinds.items())]


def _left_out(sub_task: SubTask, connector: Connector) -> str:
    """That the case knows identifiers of which this vendor's data stays as it is."""
    others = {
        item.kind
        for item in sub_task.case.identifiers.all()
        if item.state != IdentifierState.ACCEPTED
        and item.found_by_id != sub_task.vendor_id
        and item.kind in connector.accepts
    }
    if not others:
        return ""
    text = _(
        "The case knows further identifiers that this vendor takes and the plan leaves out (%(kinds)s: suggested, "
        "noted or dismissed). What is held here of the person may be reached only in part."
    )
    return text % {"kinds": listed(others)}


def listed(kinds: Iterable[str]) -> str:
    """Identifier kinds in words."""
    return ", ".join(sorted(kind.replace("_", " ") for kind in kinds))
