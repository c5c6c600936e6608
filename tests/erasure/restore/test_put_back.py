"""What a desk refuses until somebody has put it right."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from compliance import clock
from compliance.audit import seal
from compliance.audit.models import Event
from compliance.staff import tokens
from erasure import evidence, lifecycle, retention
from erasure.errors import Unavailable
from erasure.models import Case
from erasure.worker import lanes
from tests import factories
from tests.erasure.admin.test_opening import filled

from .conftest import PutBack

pytestmark = pytest.mark.django_db
CASE = {
    "kind": "erasure",
    "regime": "gdpr",
    "ground": "subject_request",
    "identifiers": [{"kind": "customer_id", "value": "C-1"}],
}


def test_no_case_is_opened_and_none_approved(put_back: PutBack) -> None:
    factories.vendor()
    case = factories.opened_case(submit=True)
    revision = lifecycle.open_revision(case)
    assert revision
    put_back()
    with pytest.raises(Unavailable, match="after_restore"):
        factories.opened_case()
    with pytest.raises(Unavailable, match="after_restore"):
        lifecycle.approve(case, by=factories.person("ada", "approver"), digest=revision.digest)
    assert Case.objects.count() == 1


def test_no_vendor_is_called(put_back: PutBack) -> None:
    vendor = factories.vendor()
    factories.approved_case()
    assert lanes.next_claim(vendor.pk)
    factories.approved_case()
    put_back()
    assert lanes.next_claim(vendor.pk) is None


def test_nothing_is_destroyed_as_what_was_held_or_taken_back_since_is_not_known(put_back: PutBack) -> None:
    factories.vendor()
    due, asked = (factories.opened_case(identifiers=[("email", f"{name}@example.org")]) for name in ("a", "b"))
    for case in (due, asked):
        lifecycle.cancel(case, by=case.opened_by, reason="mistaken")
    past = clock.now() - timedelta(days=400)
    Case.objects.filter(pk=due.pk).update(shred_at=clock.today(), closed_at=past)
    retention.ask(asked, by=factories.person("olive", "intake"), reason="person_asks")
    put_back()
    assert retention.sweep() == 0
    with pytest.raises(Unavailable):
        retention.approve(asked, by=factories.person("ada", "approver"))
    with pytest.raises(CommandError, match="put back from a backup"):
        call_command("retention", "--now")
    assert not Case.objects.filter(shredded_at__isnull=False).exists()


def test_nothing_is_sealed(put_back: PutBack) -> None:
    factories.vendor()
    factories.opened_case()
    put_back()
    with pytest.raises(seal.LogDamaged, match="put back from a backup"):
        seal.seal()


def test_no_worker_starts(put_back: PutBack) -> None:
    put_back()
    with pytest.raises(CommandError, match=r"after_restore has run\. No worker was started"):
        call_command("work")


def test_the_api_says_so_with_a_503(put_back: PutBack, client: Client) -> None:
    factories.vendor()
    _token, text = tokens.issue("crm", ["cases:write", "cases:read"])
    put_back()
    headers: Any = {"Authorization": f"Bearer {text}"}
    reply = client.post("/api/v1/cases/", CASE, content_type="application/json", headers=headers)
    assert (reply.status_code, reply.json()["type"]) == (503, "/problems/put_back")
    assert "manage.py after_restore" in reply.json()["detail"]
    assert client.get("/api/v1/cases/", headers=headers).status_code == 200, "reading is allowed"


def test_the_admin_shows_it_on_every_page(put_back: PutBack, client: Client) -> None:
    client.force_login(factories.person("ada", is_superuser=True))
    assert "after_restore" not in client.get("/admin/").content.decode()
    put_back()
    page = client.get("/admin/").content.decode()
    assert "manage.py after_restore" in page and "What was done since the backup is missing here." in page


def test_a_case_that_is_opened_in_the_admin_is_refused_in_words(put_back: PutBack, client: Client) -> None:
    factories.vendor()
    client.force_login(factories.person("ada", is_superuser=True))
    put_back()
    page = client.post("/admin/erasure/case/add/", filled(("customer_id", "C-1")))
    assert page.status_code == 200
    assert "Nothing was done." in page.content.decode()
    assert not Case.objects.exists()


def test_what_a_backup_may_have_brought_back_is_revealed_to_nobody(put_back: PutBack, client: Client) -> None:
    factories.vendor()
    case = factories.opened_case()
    client.force_login(factories.person("ada", is_superuser=True))
    put_back()
    number = str(case.identifiers.get(kind="email").pk)
    asked = {"identifier": number, "reason": "Curious."}
    page = client.post(f"/admin/erasure/case/{case.pk}/reveal/", asked, follow=True).content.decode()
    assert "Nothing was done." in page and "ada@example.org" not in page
    assert not Event.objects.filter(action="identifier.revealed").exists()


def test_nor_are_its_files_handed_out(put_back: PutBack, client: Client) -> None:
    factories.vendor()
    case = factories.opened_case()
    kept = evidence.add(case, by=factories.person("olive"), name="seen.txt", content=b"Seen.")
    client.force_login(factories.person("ada", is_superuser=True))
    put_back()
    page = client.post(f"/admin/erasure/evidence/{kept.pk}/download/", follow=True)
    assert "Nothing was done." in page.content.decode()
