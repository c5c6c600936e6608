"""Showing a sealed value: for a reason, with an event, or not at all."""

import pytest
from django.db import transaction

from compliance import clock
from compliance.audit.models import Event
from compliance.vault.models import DataKey
from compliance.vault.seal import Unreadable
from erasure.errors import Invalid
from erasure.models import Identifier
from erasure.reveal import reveal
from tests.factories import opened_case, person, vendor


@pytest.fixture
def case(db):
    vendor()
    return opened_case(requester={"name": "Ada"}, external_id="crm-1")


def test_a_value_is_given_for_a_reason_that_is_kept_sealed(case):
    identifier = case.identifiers.get(kind="email")
    assert reveal(identifier, by=person("olive"), reason="Asked.") == {"email": "ada@example.org"}
    event = Event.objects.get(action="identifier.revealed")
    assert event.details["kind"] == "email"
    assert "Asked" not in event.canonical
    assert case.notes.get().unseal("text") == "Asked."


def test_the_requester_comes_with_the_external_id(case):
    assert reveal(case, by=person("olive"), reason="To answer.") == {"name": "Ada", "external_id": "crm-1"}


def test_without_a_reason_nothing_is_given_or_written(case):
    with pytest.raises(Invalid):
        reveal(case, by=person("olive"), reason=" ")
    assert not Event.objects.filter(action="requester.revealed").exists()


def test_what_cannot_be_opened_leaves_no_event(case):
    DataKey.objects.filter(pk=case.data_key_id).update(wrapped=b"", destroyed_at=clock.now())
    with pytest.raises(Unreadable):
        reveal(Identifier.objects.filter(case=case).first(), by=person("olive"), reason="Asked.")
    assert not Event.objects.filter(action="identifier.revealed").exists()
    assert not case.notes.exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_given_where_the_event_could_still_be_undone(transactional_db):
    vendor()
    identifier = opened_case().identifiers.get(kind="email")
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        reveal(identifier, by=person("olive"), reason="Asked.")
    assert not Event.objects.filter(action="identifier.revealed").exists()
