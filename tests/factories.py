"""People, vendor accounts and cases for tests, made the way the desk makes them."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from compliance import clock
from compliance.staff.models import User
from erasure import intake, lifecycle, suppression, vendors
from erasure.connectors.base import Found
from erasure.models import Case, Identifier, SubTask, Suppressed, Vendor
from erasure.normalise import normalise
from erasure.states import Kind

ADDRESS = "http://127.0.0.1:9101"  # nothing listens there
USUAL: dict[str, dict[str, Any]] = {
    "apptus": {"base_url": ADDRESS, "credentials": {"username": "desk", "password": "let-me-in"}},
    "acquia": {"base_url": ADDRESS, "credentials": {"token": "t"}, "options": {"tenant_id": "1234"}},
    "acoustic": {"base_url": ADDRESS, "credentials": {"account_key": "k"}},
    "manual": {"options": {"instructions": "Room 12"}},
}
OPENING = {
    "kind": "erasure",
    "regime": "gdpr",
    "ground": "subject_request",
    "identifiers": [("email", "ada@example.org"), ("customer_id", "C-1001")],
}


def person(name: str, *roles: str, **fields: Any) -> User:
    """The account of that name, made if missing; `fields` such as is_superuser. It can sign in with `password`."""
    found = User.objects.filter(username=name).first()
    account = found or User.objects.create_user(name, password="password", is_staff=True, **fields)
    account.groups.add(*Group.objects.filter(name__in=roles))
    return account


def vendor(name: str = "Shop search", connector: str = "apptus", **values: Any) -> Vendor:
    """An account at that connector: Apptus takes customer_id and visitor_id, Acquia customer_id, Acoustic Exchange
    email, phone, cookie_id and x1_id, and one by hand (manual) email."""
    usual: dict[str, Any] = {"name": name, "connector": connector, **USUAL[connector]}
    return vendors.save(usual | values)


def opening(**values: Any) -> intake.Opening:
    return intake.Opening(**{**OPENING, **values})


def opened_case(*, by: User | None = None, submit: bool = False, **values: Any) -> Case:
    """A draft (or, submitted, a case that awaits approval) opened by olive. Make the vendors first."""
    opener = by or person("olive", "intake")
    case = intake.open_case(opening(**values), by=opener)
    if submit:
        lifecycle.submit(case, by=opener)
    return case


def approved_case(*, by: User | None = None, approver: User | None = None, **values: Any) -> Case:
    """A case in progress: opened by olive, approved by ada. Of a lifting the person was told."""
    case = opened_case(by=by, submit=True, **values)
    if case.kind == Kind.LIFT_RESTRICTION:
        lifecycle.tell_of_lifting(case, by=case.opened_by, channel="email")
    approve(case, by=approver)
    return case


def approve(case: Case, *, by: User | None = None) -> None:
    """Approves whatever plan version of the case is open."""
    revision = lifecycle.open_revision(case)
    assert revision, "nothing awaits approval"
    lifecycle.approve(case, by=by or person("ada", "approver"), digest=revision.digest)


def work(case: Case, name: str = "Shop search") -> SubTask:
    """A vendor's newest part of a case."""
    return case.sub_tasks.filter(vendor__name=name).order_by("revision__number").last()


def suppressed(kind: str, value: str, *, case: Case | None = None, days: int = 30) -> Suppressed:
    """Somebody on the suppression list since now."""
    mark = suppression._mark(kind, normalise(kind, value).match)
    now = clock.now()
    case = case or opened_case()
    return Suppressed.objects.create(
        fingerprint=mark, kind=kind, case=case, added_at=now, until=now + timedelta(days=days)
    )


def found(case: Case, *pairs: tuple[str, str], by: str = "Shop search") -> list[Identifier]:
    """Takes in kinds and values as a vendor's answer does; returns what the case has learned by it."""
    before = set(case.identifiers.values_list("pk", flat=True))
    with transaction.atomic():
        Case.locked().get(pk=case.pk)
        sub_task = SubTask.objects.select_related("case__data_key", "vendor").get(pk=work(case, by).pk)
        lifecycle.take_in(sub_task, [Found(kind, value) for kind, value in pairs])
    return list(case.identifiers.exclude(pk__in=before).select_related("case__data_key", "found_by"))
