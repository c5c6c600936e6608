"""What a demo shows: an account for each role, two vendor accounts, and cases in the states that a day brings."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group

from compliance import clock
from compliance.staff.models import User
from compliance.staff.roles import ROLES
from erasure import intake, lifecycle, vendors
from erasure.intake import Opening
from erasure.models import Case

PASSWORD = "erasure-desk-demo"  # noqa: S105 - for a desk on loopback, with nobody's data in it
PEOPLE = {
    "intake": "intake",
    "approver": "approver",
    "auditor": "auditor",
    "vendors": "vendor manager",
    "admin": "administrator",
}


def make_people() -> dict[str, User]:
    """An account for each role, by its user name."""
    assert set(PEOPLE.values()) == set(ROLES)
    people = {}
    for name, role in PEOPLE.items():
        person = User.objects.create_user(name, password=PASSWORD, is_staff=True, is_superuser=name == "admin")
        person.groups.add(Group.objects.get(name=role))
        people[name] = person
    return people


def make_vendors(apptus_url: str, credentials: dict[str, str]) -> None:
    """Apptus at the sandbox, and a system that only people can reach."""
    vendors.load(
        [
            {
                "name": "Shop search",
                "connector": "apptus",
                "base_url": apptus_url,
                "credentials": credentials,
                "pace": {
                    "first_poll_seconds": 1,
                    "max_poll_seconds": 2,
                    "calls_per_minute": 600,
                    "parallel_calls": 4,
                },
            },
            {
                "name": "Paper archive",
                "connector": "manual",
                "options": {"instructions": "Room 12, third shelf.", "accepts": ["email"]},
            },
        ]
    )


def open_one(by: Any, name: str, *, days_ago: int = 0, **more: Any) -> Case:
    """A case of a made-up person, received `days_ago`."""
    slug = name.lower().replace(" ", ".")
    identifiers = [("email", f"{slug}@example.org"), ("customer_id", f"C-{sum(map(ord, name))}")]
    values: dict[str, Any] = {
        "kind": "erasure",
        "regime": "gdpr",
        "country": "DE",
        "ground": "subject_request",
        "channel": "email",
        "identifiers": identifiers,
        "received_at": clock.now() - timedelta(days=days_ago),
        "requester": {"name": name, "reply_to": f"{slug}@example.org", "language": "en"},
    }
    return intake.open_case(Opening(**(values | more)), by=by)


def make_cases(people: dict[str, User]) -> None:
    """Sample cases: draft, awaiting approval, under way, awaiting an identifier, on hold, rejected, cancelled."""
    clerk, approver = people["intake"], people["approver"]
    open_one(clerk, "Dana Draft", note="Rang up; wants it in writing first.")
    waiting = open_one(clerk, "Paula Pending", days_ago=3)
    lifecycle.submit(waiting, by=clerk)
    late = open_one(people["admin"], "Otto Overdue", days_ago=40)
    lifecycle.submit(late, by=people["admin"])

    running = open_one(clerk, "Rita Running", days_ago=2)
    nobody = open_one(
        clerk, "Nils Nobody", days_ago=9, identifiers=[("email", "nils.nobody@example.org")], channel="letter"
    )
    restricted = open_one(clerk, "Rosa Restricted", days_ago=5, kind="restriction", ground="objection")
    exported = open_one(clerk, "Emil Export", kind="export", regime="ccpa", country="US", subdivision="CA")
    held = open_one(clerk, "Hanna Held", days_ago=12)
    for case in (running, nobody, restricted, exported, held):
        lifecycle.submit(case, by=clerk)
    lifecycle.hold(held, by=approver, note="Legal asks to wait for the outcome of the complaint.")
    for case in (running, nobody, restricted, exported, held):
        lifecycle.approve(case, by=approver, digest=lifecycle.open_revision(case).digest)  # type: ignore[union-attr]

    refused = open_one(clerk, "Uwe Unfounded", days_ago=20)
    lifecycle.submit(refused, by=clerk)
    lifecycle.reject(refused, by=approver, ground="unfounded", note="The ninth request this month.")
    mistaken = open_one(clerk, "Mona Mistaken", days_ago=1)
    lifecycle.cancel(mistaken, by=clerk, reason="mistaken", note="Opened for the wrong person.")
