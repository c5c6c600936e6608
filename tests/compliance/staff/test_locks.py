"""The lock-out after failed sign-ins."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection, connections
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance.audit.models import Event
from compliance.staff import locks
from compliance.staff.models import SignInLock, User
from tests.compliance.staff.signing_in import (
    PASSWORD,
    code_of,
    errors_of,
    give_code,
    give_password,
    with_device,
    wrong_code_of,
)

pytestmark = pytest.mark.django_db
LOCKED = "too many failed sign-ins"


@pytest.fixture(autouse=True)
def stopped(turn_clock) -> None:
    turn_clock(timedelta())


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", password=PASSWORD, is_staff=True)


@pytest.fixture
def few(monkeypatch) -> None:
    """Fewer tries for an address than a desk gives: tests are to be quick."""
    assert locks.FREE_TRIES["address"] == 40
    monkeypatch.setitem(locks.FREE_TRIES, "address", 8)


def fail(times: int, name: str = "anna", client: Client | None = None, **where: str):
    answer = None
    for _number in range(times):
        answer = (client or Client()).post(
            reverse("admin:login"), {"username": name, "password": "hunter2-typed"}, **where
        )
    return errors_of(answer)


def gets_in(client: Client, **where: str) -> bool:
    given = {"username": "anna", "password": PASSWORD}
    return client.post(reverse("admin:login"), given, **where).status_code == 302


def test_five_failures_lock_an_account_for_a_minute(anna, turn_clock):
    assert LOCKED not in fail(5)
    assert "Try again in 1 minute," in fail(1)
    assert not gets_in(Client())
    turn_clock(timedelta(seconds=59))
    assert not gets_in(Client())
    turn_clock(timedelta(seconds=1))
    assert gets_in(Client())


def test_four_failures_do_not(anna):
    fail(4)
    assert gets_in(Client())


def test_while_locked_no_password_is_looked_at(anna, monkeypatch):
    fail(5)

    def looked_at(*args: object) -> bool:
        raise AssertionError("the password was looked at")

    monkeypatch.setattr(User, "check_password", looked_at)
    assert not gets_in(Client())


def test_the_delay_grows_with_each_failure_and_has_an_end(anna, turn_clock):
    fail(4)
    waits = []
    for _number in range(6):
        fail(1)
        until = SignInLock.objects.get(key=f"user:{anna.pk}").until
        now = turn_clock(timedelta())
        waits.append((until - now) // timedelta(minutes=1))
        turn_clock(until - now)
    assert waits == [1, 2, 4, 8, 15, 15]


def test_a_sign_in_forgets_the_failures_before_it(anna):
    fail(4)
    assert gets_in(Client())
    fail(4)
    assert gets_in(Client())


def test_an_hour_without_failures_forgets_them(anna, turn_clock):
    fail(4)
    turn_clock(timedelta(minutes=59))
    fail(1)
    assert not gets_in(Client())
    turn_clock(timedelta(minutes=60))
    fail(4)
    assert gets_in(Client())


def test_a_name_without_an_account_is_answered_like_one(anna):
    """The first failures, the lock, and what it makes the database do."""
    for number in range(8):
        said, done = {}, {}
        for name, address in (("anna", "198.51.100.1"), ("nobody", "198.51.100.2")):
            with CaptureQueriesContext(connection) as queries:
                said[name] = fail(1, name, REMOTE_ADDR=address)
            done[name] = [query["sql"].split()[0] for query in queries]
        assert said["anna"] == said["nobody"]
        assert done["anna"] == done["nobody"]
        assert (LOCKED in said["anna"]) is (number >= 5)


def test_nothing_that_was_typed_and_no_address_is_kept(anna):
    fail(6)
    fail(6, "typed-by-somebody", REMOTE_ADDR="203.0.113.77")
    kept = str(list(SignInLock.objects.values_list("key", "count"))) + "".join(
        Event.objects.values_list("canonical", flat=True)
    )
    assert "typed" not in kept
    assert "203.0.113" not in kept
    for key in SignInLock.objects.exclude(key__startswith="user:").values_list("key", flat=True):
        assert len(key.partition(":")[2]) == 4, "16 bits name nobody"


def test_refusals_are_recorded_sparsely(anna):
    fail(5 + 9)
    fail(5 + 1, "nobody")
    events = Event.objects.filter(action="staff.sign_in_refused").order_by("id")
    assert [(event.subject, event.details["count"]) for event in events] == [
        *((f"user:{anna.pk}", count) for count in (1, 2, 4, 8)),
        ("", 1),
    ]


# --- addresses --------------------------------------------------------------------------------------------------------


def test_an_address_that_tries_many_names_is_locked(anna, few, turn_clock):
    for number in range(8):
        fail(1, f"guess {number}", REMOTE_ADDR="203.0.113.77")
    assert not gets_in(Client(), REMOTE_ADDR="203.0.113.77")
    assert gets_in(Client(), REMOTE_ADDR="198.51.100.3")
    turn_clock(timedelta(minutes=1))
    assert gets_in(Client(), REMOTE_ADDR="203.0.113.77")


def test_an_own_account_does_not_wash_an_address(anna, few):
    for number in range(7):
        fail(1, f"guess {number}", REMOTE_ADDR="203.0.113.77")
        if number % 3 == 0:
            assert gets_in(Client(), REMOTE_ADDR="203.0.113.77")
    fail(1, "last guess", REMOTE_ADDR="203.0.113.77")
    assert not gets_in(Client(), REMOTE_ADDR="203.0.113.77")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
    ],
)
def test_what_counts_as_one_client(one, other, same):
    def network(address: str) -> str:
        return locks.network(RequestFactory().get("/", REMOTE_ADDR=address))

    assert (network(one) == network(other)) is same


# --- nobody is kept out on purpose ------------------------------------------------------------------------------------


def test_a_browser_that_has_signed_in_before_is_not_locked_out_by_others(anna, few):
    at_home = Client()
    assert gets_in(at_home)
    at_home.post(reverse("admin:logout"))
    fail(6)
    for number in range(8):
        fail(1, f"guess {number}")
    assert not gets_in(Client())
    assert gets_in(at_home)


def test_guessing_from_a_known_browser_is_held_back_too(anna):
    at_home = Client()
    assert gets_in(at_home)
    at_home.post(reverse("admin:logout"))
    assert LOCKED in fail(6, client=at_home)
    assert not gets_in(at_home)
    assert gets_in(Client()), "and locks nobody else"


def test_a_known_browser_is_known_for_its_own_account_alone(anna):
    User.objects.create_user("bob", password=PASSWORD, is_staff=True)
    at_bobs = Client()
    assert give_password(at_bobs, "bob").status_code == 302
    at_bobs.post(reverse("admin:logout"))
    fail(5)
    assert not gets_in(at_bobs)


@pytest.mark.parametrize("cookie", ["", "x", "WzEsICJ4Il0:1tOAAA:forged", "\x00"])
def test_a_forged_mark_makes_no_known_browser(anna, cookie):
    client = Client()
    client.cookies[locks.COOKIE] = cookie
    fail(5)
    assert not gets_in(client)


def test_the_mark_is_out_of_reach_of_scripts(anna):
    client = Client()
    gets_in(client)
    cookie = client.cookies[locks.COOKIE]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
    assert "anna" not in cookie.value


# --- codes ------------------------------------------------------------------------------------------------------------


def test_wrong_codes_count_and_right_passwords_between_them_forget_nothing(anna, settings):
    settings.SECOND_FACTOR = True
    device, _codes = with_device(anna)
    wrong = wrong_code_of(device)
    for _number in range(5):
        client = Client()
        give_password(client)
        assert "This code is wrong" in errors_of(give_code(client, wrong))
    assert LOCKED in errors_of(give_code(client, code_of(device)))
    assert client.get(reverse("admin:index")).status_code == 302
    assert LOCKED in errors_of(give_password(Client()))


def test_a_password_alone_makes_no_known_browser(anna, settings):
    settings.SECOND_FACTOR = True
    device, _codes = with_device(anna)
    client = Client()
    give_password(client)
    assert locks.COOKIE not in client.cookies
    give_code(client, code_of(device))
    assert locks.COOKIE in client.cookies


# --- an administrator -------------------------------------------------------------------------------------------------


def administrator(role: str = "administrator") -> Client:
    ada = User.objects.create_user("ada", password=PASSWORD, is_staff=True)
    ada.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(ada)
    return client


def lift(client: Client):
    keys = list(SignInLock.objects.filter(until__isnull=False).values_list("pk", flat=True))
    given = {"action": "lift", "_selected_action": keys}
    return client.post(reverse("admin:staff_signinlock_changelist"), given, follow=True)


def test_an_administrator_sees_and_lifts_a_lock(anna):
    client = administrator()
    fail(5)
    fail(3, "nobody")
    page = client.get(reverse("admin:staff_signinlock_changelist")).content.decode()
    assert "anna" in page
    assert "1 locked sign-in" in page or "1 row" in page
    assert "1 lock was lifted." in lift(client).content.decode()
    assert gets_in(Client())
    event = Event.objects.get(action="staff.lock_lifted")
    assert (event.subject, event.details) == (f"user:{anna.pk}", {"lock": "user"})


@pytest.mark.parametrize("role", ["intake", "approver", "auditor", "vendor manager"])
def test_nobody_else_lifts_one(anna, role):
    client = administrator(role)
    fail(5)
    assert lift(client).status_code == 403
    assert not gets_in(Client())


@pytest.mark.django_db(transaction=True)
def test_many_tries_at_once_get_no_more_guesses():
    anna = User.objects.create_user("anna", password=PASSWORD, is_staff=True)

    def guess(_number: int) -> bool:
        try:
            locks.Try.begin(RequestFactory().get("/"), "anna")
        except locks.Locked:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(guess, range(12))) == 5
    assert SignInLock.objects.get(key=f"user:{anna.pk}").count == 5
