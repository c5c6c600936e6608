import hashlib
import json
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import TextChoices
from django.db.transaction import TransactionManagementError

from compliance.audit.actions import ACTIONS, action, summarise
from compliance.audit.models import Event, PendingEvent
from compliance.audit.record import actor_names, actor_of, record


def test_an_event_holds_its_canonical_text_and_the_hash_of_it(tell, turn_clock):
    turn_clock(datetime(2026, 11, 2, 9, 30, tzinfo=UTC))
    event = tell(subject="sub_task:7", what="rain", count=3, done=True, ids=["a", "b"], nothing=None)
    event.refresh_from_db()
    assert event.canonical == (
        '{"action":"test.happened","actor":"system:test","at":"2026-11-02T09:30:00.000000Z","case":"DSR-2026-000001",'
        '"details":{"count":3,"done":true,"ids":["a","b"],"nothing":null,"what":"rain"},'
        f'"id":"{event.event_id}","subject":"sub_task:7"}}'
    )
    assert event.leaf_hash == hashlib.sha256(b"\0" + event.canonical.encode()).hexdigest()
    assert event.at == datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    assert event.details["ids"] == ["a", "b"]


def test_each_event_waits_to_be_sealed(tell):
    event = tell()
    assert PendingEvent.objects.get().event == event


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_refused(tell):
    with pytest.raises(TransactionManagementError):
        tell()
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_is_undone_with_its_change(tell):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tell()
        raise ZeroDivisionError
    assert not Event.objects.exists()
    assert not PendingEvent.objects.exists()


@pytest.mark.parametrize(
    "value",
    [
        "a@example.org",
        "+49 170 1234567",
        "Müller",
        "two\nlines",
        "ends with a line\n",
        'he said "no"',
        "=1+1",
        "x" * 201,
        1.5,
        2**53,
        {"a": 1},
        [["nested"]],
        ["fine", "b@example.org"],
        datetime(2026, 1, 1, tzinfo=UTC),
        b"bytes",
    ],
)
def test_what_could_be_personal_or_odd_is_refused_and_not_repeated_in_the_complaint(tell, value):
    with pytest.raises(ValueError, match="detail what") as refusal:
        tell(what=value)
    assert str(value) not in str(refusal.value)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"actor": ""},
        {"actor": "anna"},
        {"actor": "user:anna@example.org"},
        {"actor": "user:1\n"},
        {"case": "=DSR"},
        {"case": "for anna"},
        {"subject": "sub_task"},
        {"subject": "identifier:anna@example.org"},
        {"Bad": 1},
    ],
)
def test_references_must_be_plain(tell, given):
    with pytest.raises(ValueError):
        tell(**given)


def test_too_much_detail_is_refused(tell):
    with pytest.raises(ValueError, match="too much detail"):
        tell(ids=["x" * 200] * 400)


@pytest.mark.django_db
def test_an_unknown_action_is_refused():
    with pytest.raises(ValueError, match="unknown action"):
        record("nobody.knows", actor="system:test")


def test_a_choice_is_stored_as_its_word(tell):
    class Weather(TextChoices):
        RAIN = "rain", "Rain"

    assert json.loads(tell(what=Weather.RAIN).canonical)["details"] == {"what": "rain"}


def test_a_summary_fills_in_what_is_known_and_a_dash_for_the_rest(tell):
    assert summarise(tell(subject="sub_task:7")) == "rain happened to sub_task:7 in DSR-2026-000001."
    assert summarise(tell(case="", what=["rain", True, None])) == "rain, yes, — happened to — in —."


def test_an_action_that_has_gone_is_shown_by_its_name(tell, monkeypatch):
    event = tell()
    monkeypatch.delitem(ACTIONS, "test.happened")
    assert summarise(event) == "test.happened"


@pytest.mark.parametrize("name", ["audit.exported", "opened", "Case.opened", "case.", "case opened"])
def test_an_action_name_is_plain_and_registered_once(name):
    with pytest.raises(ValueError):
        action(name, "…")


@pytest.mark.django_db
def test_actors_are_accounts_by_number_and_shown_by_name(django_assert_num_queries):
    anna = get_user_model().objects.create_user("anna")
    assert actor_of(anna) == f"user:{anna.pk}"
    words = [actor_of(anna), "system:worker", "user:999999"]
    with django_assert_num_queries(1):
        assert actor_names(words) == dict(zip(words, ["anna", "system:worker", "user:999999"], strict=True))


def test_a_visitor_without_an_account_is_no_actor():
    with pytest.raises(ValueError):
        actor_of(AnonymousUser())


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["x", "", "1\n", "٣", "9" * 18, "9" * 30, "\0"])
def test_an_actor_that_is_no_account_is_shown_as_it_is(number):
    word = f"user:{number}"
    assert actor_names([word, "system:worker"]) == {word: word, "system:worker": "system:worker"}
