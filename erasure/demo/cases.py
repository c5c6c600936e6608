"""What a demo is made of: an account for each role, vendor accounts at the stand-ins, and cases of made-up people."""

import zlib
from datetime import timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from compliance import clock
from compliance.staff.models import User
from compliance.staff.roles import ROLES
from erasure import intake, lifecycle, vendors
from erasure.intake import Opening
from erasure.models import Case, SubTask

from .parts import StandIns

PASSWORD = "erasure-desk-demo"  # noqa: S105 - for a desk on loopback, with nobody's data in it
PEOPLE = {
    "intake": "intake",
    "approver": "approver",
    "auditor": "auditor",
    "vendors": "vendor manager",
    "admin": "administrator",
}
PACE = {"first_poll_seconds": 1, "max_poll_seconds": 2, "calls_per_minute": 600, "parallel_calls": 4}


def make_people(password: str | None = None) -> dict[str, User]:
    """An account for each role, by its user name. Without a password nobody can sign in."""
    assert set(PEOPLE.values()) == set(ROLES)
    hashed = make_password(password)  # once: it is meant to be slow
    people = {}
    for name, role in PEOPLE.items():
        person = User.objects.create(username=name, password=hashed, is_staff=True, is_superuser=name == "admin")
        person.groups.add(Group.objects.get(name=role))
        people[name] = person
    return people


def make_vendors(stand_ins: StandIns, *, acts_after_days: int, gather_seconds: int = 0) -> None:
    """An account at each stand-in, and a system that only people can reach. Shop search takes cookie ids too, so that
    one that Exchange finds is suggested. `acts_after_days`, `gather_seconds`: of the CDP, in the desk's own time."""
    apptus, acquia, acoustic = stand_ins
    vendors.load(
        [
            {
                "name": "Shop search",
                "connector": "apptus",
                "base_url": apptus.url,
                "options": {"visitor_key_from": ["visitor_id", "cookie_id"]},
                "credentials": dict(apptus.credentials),
                "pace": PACE,
            },
            {
                "name": "CDP",
                "connector": "acquia",
                "base_url": acquia.url,
                "options": {**acquia.options, "acts_after_days": acts_after_days},
                "credentials": dict(acquia.credentials),
                "pace": {**PACE, "gather_seconds": gather_seconds},
            },
            {
                "name": "Exchange",
                "connector": "acoustic",
                "base_url": acoustic.url,
                "credentials": dict(acoustic.credentials),
                "pace": PACE,
            },
            {
                "name": "Paper archive",
                "connector": "manual",
                "options": {"instructions": "Room 12, third shelf.", "accepts": ["email"]},
            },
        ]
    )


def email_of(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@example.org"


def customer_id_of(name: str) -> str:
    return f"C-{zlib.crc32(name.encode()) % 1_000_000:06d}"


def open_one(by: Any, name: str, *, days_ago: int = 0, **more: Any) -> Case:
    """A case of a made-up person, received `days_ago`."""
    values: dict[str, Any] = {
        "kind": "erasure",
        "regime": "gdpr",
        "country": "DE",
        "ground": "subject_request",
        "channel": "email",
        "identifiers": [("email", email_of(name)), ("customer_id", customer_id_of(name))],
        "received_at": clock.now() - timedelta(days=days_ago),
        "requester": {"name": name, "reply_to": email_of(name), "language": "en"},
    }
    return intake.open_case(Opening(**(values | more)), by=by)


def approve(case: Case, by: Any) -> None:
    """Approves the plan version of the case that awaits it."""
    revision = lifecycle.open_revision(case)
    assert revision
    lifecycle.approve(case, by=by, digest=revision.digest)


def work_at(case: Case, vendor: str, *statuses: str) -> SubTask | None:
    """The case's latest work at the vendor with this short name, if its status is one of these (none given: any)."""
    found = case.sub_tasks.filter(vendor__slug=vendor).select_related("vendor").order_by("revision__number")
    return (found.filter(status__in=statuses) if statuses else found).last()
