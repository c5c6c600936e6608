"""The pages of absences, and what the overview and the queue say of them."""

from datetime import timedelta

import pytest
from django.urls import reverse

from compliance import clock
from erasure import absences
from erasure.admin.queues import QUEUES
from erasure.models import Absence
from tests.erasure.admin.home.conftest import text
from tests.factories import opened_case, person

ADD = "admin:erasure_absence_add"


def asked(deputy: str, **given: object) -> dict[str, object]:
    until = clock.today() + timedelta(days=7)
    return {"deputy": person(deputy, "approver").pk, "from_on": clock.today(), "until_on": until, **given}


@pytest.fixture
def ada_is_away() -> Absence:
    given = {"from_on": clock.today(), "until_on": clock.today() + timedelta(days=7)}
    made = Absence(person=person("ada", "approver"), deputy=person("alan", "approver"), **given)
    return absences.save(made, by=person("ada"))


def test_everybody_who_works_records_their_own_absence(signed_in):
    client = signed_in("ada", "approver")
    form = client.get(reverse(ADD)).content.decode()
    assert "It gives them no right" in form
    assert client.post(reverse(ADD), asked("alan")).status_code == 302
    assert (Absence.objects.get().person, Absence.objects.get().deputy) == (person("ada"), person("alan"))


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(signed_in):
    client = signed_in("ada", "approver")
    yesterday = clock.today() - timedelta(days=1)
    answer = client.post(reverse(ADD), asked("alan", from_on=yesterday, until_on=yesterday))
    assert "This day is over." in answer.content.decode()
    herself = client.post(reverse(ADD), asked("ada")).content.decode()
    assert "Nobody stands in for themselves." in herself
    assert "absence_deputy_is_another" not in herself
    both = client.post(reverse(ADD), asked("ada", until_on=yesterday)).content.decode()
    assert "The last day cannot come before the first." in both
    assert "Nobody stands in for themselves." in both
    assert "absence_deputy_is_another" not in both
    assert not Absence.objects.exists()


def test_deputies_are_chosen_from_those_who_may_approve(signed_in):
    person("ira", "intake")
    form = signed_in("ada", "approver").get(reverse(ADD)).context["adminform"].form
    names = {str(account) for account in form.fields["deputy"].queryset}
    assert "ada" in names
    assert "ira" not in names
    assert [str(account) for account in form.fields["person"].queryset] == ["ada"]


def test_an_administrator_records_it_for_others_and_takes_it_back(signed_in):
    client = signed_in("root", "administrator")
    client.post(reverse(ADD), asked("alan", person=person("ada", "approver").pk))
    made = Absence.objects.get()
    assert made.person == person("ada")
    client.post(reverse("admin:erasure_absence_delete", args=[made.pk]), {"post": "yes"})
    assert not Absence.objects.exists()


def test_another_may_read_it_and_not_change_it(signed_in, ada_is_away):
    client = signed_in("bea", "approver")
    address = reverse("admin:erasure_absence_change", args=[ada_is_away.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, asked("bea")).status_code == 403


def test_the_overview_and_the_queue_say_who_stands_in_for_whom_until_when(signed_in, ada_is_away):
    day = f"{ada_is_away.until_on:%Y-%m-%d}"
    opened_case(submit=True)
    for address in (reverse("admin:index"), QUEUES["my-approval"].address):
        said = {
            name: text(signed_in(name, "approver").get(address).content.decode()) for name in ("ada", "alan", "bea")
        }
        assert f"You stand in for ada until {day}." in said["alan"]
        assert f"You are away until {day}: alan stands in for you." in said["ada"]
        assert "You stand in for" not in said["bea"]
        assert "stands in for you" not in said["bea"]
