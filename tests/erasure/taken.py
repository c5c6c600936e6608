"""Work that a vendor has taken under numbers of its own and now acts on unasked, as Acquia does. Nothing is sent."""

from datetime import timedelta
from typing import Any

from compliance import clock
from erasure import vendors
from erasure.models import Case, SubTask, Vendor
from erasure.states import Assurance, Held
from tests import factories


def cdp(name: str = "CDP", **options: Any) -> Vendor:
    """An Acquia account; nothing listens at its address."""
    values = {"connector": "acquia", "base_url": "http://127.0.0.1:9102", "credentials": {"token": "t"}}
    return vendors.save({"name": name, "options": {"tenant_id": "1234"} | options} | values)


def taken(*references: str, case: Case | None = None, name: str = "CDP", **fields: Any) -> SubTask:
    """The account's part of a case, a new one unless given: one identifier for each reference, taken under it; none was
    taken for an empty one. `fields` are the sub-task's; without any it waits for the vendor to act."""
    number = Case.objects.count()
    ids = [("customer_id", f"C-{number}-{place}") for place, _reference in enumerate(references)]
    case = case or factories.approved_case(identifiers=ids)
    sub_task = factories.work(case, name)
    now = clock.now()
    usual = {"status": "waiting", "step": "await_acting", "next_at": now + timedelta(days=14), "committed_at": now}
    SubTask.objects.filter(pk=sub_task.pk).update(**usual | fields)
    for use, reference in zip(sub_task.identifiers.all(), references, strict=True):
        use.reference = reference
        if reference:
            use.held, use.assurance = Held.YES, Assurance.ACCEPTED
        use.save()
    return SubTask.objects.select_related("case__data_key", "vendor").get(pk=sub_task.pk)


def said(sub_task: SubTask) -> list[tuple[str, str, str, str]]:
    """Of each identifier: outcome, held, assurance, reference."""
    return [(use.outcome, use.held, use.assurance, use.reference) for use in sub_task.identifiers.order_by("id")]
