"""Signing in and out, and failing to."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance.audit.actions import accounts_in, summarise
from compliance.audit.models import Event
from compliance.audit.record import actor_names
from compliance.staff import sign_ins, tokens
from compliance.staff.models import FailedSignIns, User
from compliance.staff.site import SignInForm

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", password=PASSWORD, is_staff=True)


def sign_in(client, name: str, password: str):
    return client.post(reverse("admin:login"), {"username": name, "password": password})


def failures() -> list[tuple[str, int]]:
    events = Event.objects.filter(action="staff.sign_in_failed").order_by("id")
    assert {event.actor for event in events} <= {"system:web"}
    return [(event.subject, event.details["count"]) for event in events]


def test_signing_in_and_out_leaves_an_event_each(client, anna):
    assert sign_in(client, "anna", PASSWORD).status_code == 302
    assert client.post(reverse("admin:logout")).status_code == 200
    events = Event.objects.filter(action__startswith="staff.").order_by("id")
    assert [(event.action, event.actor, event.subject) for event in events] == [
        ("staff.signed_in", f"user:{anna.pk}", f"user:{anna.pk}"),
        ("staff.signed_out", f"user:{anna.pk}", f"user:{anna.pk}"),
    ]


def test_whoever_was_not_signed_in_signs_out_without_an_event(client):
    client.post(reverse("admin:logout"))
    assert not Event.objects.exists()


def test_a_sign_in_that_cannot_be_recorded_is_none(client, anna, monkeypatch):
    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("the disk is full")

    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(sign_ins, "record", broken)
        assert sign_in(client, "anna", PASSWORD).status_code == 500
    assert client.get(reverse("admin:index")).status_code == 302, "nobody is signed in"
    assert sign_in(client, "anna", PASSWORD).status_code == 302
    assert client.get(reverse("admin:index")).status_code == 200


def test_a_failed_sign_in_names_the_account_and_nothing_that_was_typed(client, anna):
    sign_in(client, "anna", "hunter2-typed")
    sign_in(client, "typed-by-somebody", "hunter2-typed")
    assert failures() == [(f"user:{anna.pk}", 1), ("", 1)]
    kept = str(list(FailedSignIns.objects.values())) + "".join(Event.objects.values_list("canonical", flat=True))
    assert "hunter2" not in kept
    assert "typed" not in kept
    assert "anna" not in kept


def test_people_read_whom_a_failed_sign_in_was_for(anna):
    sign_ins.failed("anna")
    sign_ins.failed("nobody")
    known, unknown = Event.objects.filter(action="staff.sign_in_failed").order_by("id")
    assert summarise(known, actor_names(accounts_in(known))) == "Sign-in failed for anna: 1 within ten minutes."
    assert summarise(unknown) == "Sign-in failed for names that no account has: 1 within ten minutes."


@pytest.mark.parametrize("switch", ["is_staff", "is_active"])
def test_whoever_may_not_sign_in_has_failed_to_even_with_the_right_password(client, anna, switch):
    User.objects.filter(pk=anna.pk).update(**{switch: False})
    assert sign_in(client, "anna", PASSWORD).status_code == 200
    assert failures() == [(f"user:{anna.pk}", 1)]


def test_a_service_account_that_is_refused_has_failed_to_sign_in():
    account = tokens.issue("crm", ["cases:read"])[0].account
    with pytest.raises(ValidationError):
        SignInForm().confirm_login_allowed(account)
    assert failures() == [(f"user:{account.pk}", 1)]


def test_of_many_failures_the_1st_2nd_4th_8th_are_recorded(anna):
    for _number in range(10):
        sign_ins.failed("anna")
    assert [count for _subject, count in failures()] == [1, 2, 4, 8]


def test_names_that_no_account_has_are_counted_together(anna):
    for number in range(100):
        sign_ins.failed(f"guess {number}")
    assert failures() == [("", count) for count in (1, 2, 4, 8, 16, 32, 64)]
    assert FailedSignIns.objects.count() == 1
    sign_ins.failed("anna")
    assert failures()[-1] == (f"user:{anna.pk}", 1), "what is tried elsewhere hides nothing"


def test_after_ten_minutes_the_count_begins_anew(anna, turn_clock):
    turn_clock(timedelta())
    for _number in range(3):
        sign_ins.failed("anna")
    turn_clock(timedelta(minutes=9, seconds=59))
    sign_ins.failed("anna")
    turn_clock(timedelta(seconds=1))
    sign_ins.failed("anna")
    assert [count for _subject, count in failures()] == [1, 2, 4, 1]


def test_a_clock_that_was_ahead_for_a_while_silences_nothing(anna, turn_clock):
    turn_clock(timedelta(days=3650))
    for _number in range(3):
        sign_ins.failed("anna")
    turn_clock(timedelta(days=-3650))
    sign_ins.failed("anna")
    assert [count for _subject, count in failures()] == [1, 2, 1]


def test_a_host_whose_clock_is_a_little_behind_counts_on(anna, turn_clock):
    turn_clock(timedelta(seconds=30))
    sign_ins.failed("anna")
    turn_clock(timedelta(seconds=-30))
    for _number in range(3):
        sign_ins.failed("anna")
    assert [count for _subject, count in failures()] == [1, 2, 4]


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_an_account_is_not_told_by_what_a_failure_makes_the_database_do(anna, times):
    for name in ("anna", "nobody"):
        for _number in range(times):
            sign_ins.failed(name)
    done = {}
    for name in ("anna", "nobody"):
        with CaptureQueriesContext(connection) as queries:
            sign_ins.failed(name)
        done[name] = [query["sql"].split()[0] for query in queries]
    assert done["anna"] == done["nobody"]
    assert "INSERT" in done["anna"] or "UPDATE" in done["anna"], "also a failure that is not recorded takes a write"


def test_a_failure_without_a_name_is_counted_too():
    assert authenticate(token="something else") is None
    assert failures() == [("", 1)]


@pytest.mark.django_db(transaction=True)
def test_failures_at_the_same_time_are_all_counted():
    User.objects.create_user("anna")

    def fail(_number: int) -> None:
        try:
            sign_ins.failed("anna")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fail, range(16)))
    assert [count for _subject, count in failures()] == [1, 2, 4, 8, 16]


def test_a_stronger_hash_of_the_same_password_is_no_change(client, anna, settings):
    was = anna.password
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    assert sign_in(client, "anna", PASSWORD).status_code == 302
    anna.refresh_from_db()
    assert anna.password != was
    actions = Event.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["user.added", "staff.signed_in"]
