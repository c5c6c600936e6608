"""Who is away, and who stands in: with no right that they do not have."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.audit.models import Event
from erasure import absences, lifecycle
from erasure.errors import Forbidden, Invalid
from erasure.models import Absence
from tests.factories import opened_case, person, vendor

pytestmark = pytest.mark.django_db
MONDAY, FRIDAY = date(2026, 11, 2), date(2026, 11, 6)


@pytest.fixture(autouse=True)
def monday(turn_clock: Any) -> Any:
    turn_clock(datetime(2026, 11, 2, 9, tzinfo=UTC))
    return turn_clock


def away(name: str, deputy: str, first: date = MONDAY, last: date = FRIDAY) -> Absence:
    made = Absence(person=person(name, "approver"), deputy=person(deputy, "approver"), from_on=first, until_on=last)
    return absences.save(made, by=person(name))


def refused(*given: Any) -> list[str]:
    with pytest.raises(Invalid) as error:
        away(*given)
    return [pointer for pointer, _text in error.value.problems]


def test_an_absence_leaves_an_event_that_names_accounts_and_days_alone():
    made = away("ada", "alan")
    made.until_on = date(2026, 11, 9)
    absences.save(made, by=person("root", is_superuser=True))
    absences.remove(made, by=person("ada"))
    events = Event.objects.filter(action__startswith="absence.").order_by("id")
    told = [(event.action, event.actor, event.details) for event in events]
    ada, alan, root = (f"user:{person(name).pk}" for name in ("ada", "alan", "root"))
    days = {"person": ada, "deputy": alan, "from_on": "2026-11-02"}
    assert told == [
        ("absence.saved", ada, days | {"until_on": "2026-11-06"}),
        ("absence.saved", root, days | {"until_on": "2026-11-09"}),
        ("absence.removed", ada, days | {"until_on": "2026-11-09"}),
    ]
    assert not Absence.objects.exists()


def test_days_must_be_in_order_and_not_over():
    assert refused("ada", "alan", FRIDAY, MONDAY) == ["/until_on"]
    assert refused("ada", "alan", date(2026, 10, 1), date(2026, 11, 1)) == ["/until_on"]


def test_nobody_stands_in_for_themselves_and_a_deputy_must_be_able_to_approve():
    assert refused("ada", "ada") == ["/deputy"]
    for name, values in {"olive": {}, "gone": {"is_active": False}}.items():
        deputy = person(name, *(["approver"] if values else ["intake"]), **values)
        with pytest.raises(Invalid, match="hold a role that approves cases"):
            absences.save(
                Absence(person=person("ada"), deputy=deputy, from_on=MONDAY, until_on=FRIDAY), by=person("ada")
            )


def test_a_deputy_who_is_away_meanwhile_is_none_so_that_there_are_no_loops():
    away("ada", "alan", MONDAY, FRIDAY)
    assert refused("alan", "ada", FRIDAY, date(2026, 11, 20)) == ["/deputy"]
    away("alan", "ada", date(2026, 11, 7), date(2026, 11, 20))  # ada is back


def test_one_is_away_once_at_a_time():
    away("ada", "alan")
    assert refused("ada", "bea", FRIDAY, date(2026, 11, 20)) == ["/from_on"]


@pytest.mark.parametrize("wrong", [{"until_on": date(2026, 11, 1)}, {"deputy": "ada"}])
def test_the_database_refuses_it_too(wrong):
    given: dict[str, Any] = {"person": "ada", "deputy": "alan", "from_on": MONDAY, "until_on": FRIDAY} | wrong
    people = {name: person(given[name], "approver") for name in ("person", "deputy")}
    with pytest.raises(IntegrityError), transaction.atomic():
        Absence.objects.create(**given | people)


def test_a_deputy_stands_in_on_its_days_alone():
    away("ada", "alan")
    for day, found in {date(2026, 11, 1): 0, MONDAY: 1, FRIDAY: 1, date(2026, 11, 7): 0}.items():
        assert absences.running(day).count() == found


def test_if_the_deputy_falls_ill_the_deputys_own_stands_in_too():
    away("ada", "alan")
    away("alan", "bea")
    assert absences.deputies(person("ada"), absences.running()) == [person("alan"), person("bea")]


def test_who_lost_the_role_or_left_stands_in_no_more():
    away("ada", "alan")
    alan = person("alan")
    alan.groups.clear()
    assert absences.deputies(person("ada"), absences.running()) == []


@settings(deadline=None)
@given(st.dictionaries(st.integers(1, 6), st.integers(1, 6)), st.integers(1, 6))
def test_whatever_the_rows_say_following_them_ends_and_names_nobody_twice(deputy_of, begin):
    def account(pk: int) -> Any:
        return SimpleNamespace(pk=pk, is_active=True, has_perm=lambda name: True)

    rows: Any = [
        SimpleNamespace(person_id=one, deputy_id=other, deputy=account(other)) for one, other in deputy_of.items()
    ]
    found = [item.pk for item in absences.deputies(account(begin), rows)]
    assert len(set(found)) == len(found)
    assert begin not in found
    assert bool(found) == (deputy_of.get(begin, begin) != begin)


def test_a_deputy_may_not_approve_what_they_opened():
    vendor()
    alan = person("alan", "approver", "intake")
    away("ada", "alan")
    case = opened_case(by=alan, submit=True)
    with pytest.raises(Forbidden):
        lifecycle.approve(case, by=alan, digest=lifecycle.open_revision(case).digest)
