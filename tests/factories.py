"""People, vendor accounts and cases for tests, made the way the desk makes them."""

from typing import Any

from django.contrib.auth.models import Group

from compliance.staff.models import User
from erasure import intake, lifecycle, vendors
from erasure.models import Case, SubTask, Vendor

ADDRESS = "http://127.0.0.1:9101"  # nothing listens there
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
    """An Apptus account that takes customer_id and visitor_id, or (connector "manual") one by hand that takes email."""
    usual: dict[str, Any] = {"name": name, "connector": connector}
    if connector == "apptus":
        usual |= {"base_url": ADDRESS, "credentials": {"username": "desk", "password": "let-me-in"}}
    else:
        usual |= {"options": {"instructions": "Room 12"}}
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
    """A case in progress: opened by olive, approved by ada."""
    case = opened_case(by=by, submit=True, **values)
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
