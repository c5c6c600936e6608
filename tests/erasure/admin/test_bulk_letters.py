"""Letters to many at once: who is written to, who is left out and why."""

from typing import Any

import pytest
from django.core import mail

from compliance.vault import seal
from erasure import letters, lifecycle
from erasure.models import Case, Letter
from tests.factories import opened_case, person

from .test_bulk import address, choose, read, results


@pytest.fixture(autouse=True)
def mailing(settings: Any) -> None:
    settings.LETTERS_FROM = "Shop <privacy@shop.example>"


def case_of(name: str, reply_to: str | None = None, **values: Any) -> Case:
    given = {"name": name, "reply_to": f"{name.lower()}@example.org" if reply_to is None else reply_to}
    return opened_case(submit=True, requester=given | {"language": values.pop("language", "en")}, **values)


def test_everybody_who_can_be_mailed_is_and_the_look_says_who_is_left_out(signed_in, django_assert_max_num_queries):
    ada, zoe = case_of("Ada"), case_of("Zoe", language="de")
    paper, told, gone = case_of("Bob", "Room 12"), case_of("Eve"), case_of("Kim")
    lifecycle.acknowledge(told, by=person("olive", "intake"), channel="phone")
    seal.destroy(gone.data_key)
    client = signed_in("olive", "intake")
    with django_assert_max_num_queries(35):
        job = choose(client, "send_acknowledgement", ada, zoe, paper, told, gone)
    found = results(job)
    assert found[ada.reference] == found[zoe.reference] == ("", "")
    assert "is no e-mail address" in found[paper.reference][1]
    assert found[told.reference] == ("skipped", "The receipt was confirmed before. Nothing was changed.")
    assert found[gone.reference][0] == "skipped"
    said = read(client, job)
    assert "Send 2 letters" in said
    assert "ada@example.org" not in said
    client.post(address(job))
    assert {row[0] for row in results(job).values()} == {"done", "skipped"}
    letters.look_after(run=lambda send: send())
    assert sorted(message.to[0] for message in mail.outbox) == ["ada@example.org", "zoe@example.org"]
    bodies = " ".join(message.body for message in mail.outbox)
    assert "Dear Ada," in bodies
    assert "Guten Tag Zoe," in bodies
    assert Case.objects.filter(acknowledged_at=None).count() == 2


def test_a_reply_goes_to_those_who_are_owed_one(signed_in):
    ada, answered, draft = case_of("Ada"), case_of("Eve"), opened_case(requester={"reply_to": "k@example.org"})
    lifecycle.reply(answered, by=person("olive", "intake"), channel="phone")
    client = signed_in("olive", "intake")
    job = choose(client, "send_completion", ada, answered, draft)
    client.post(address(job))
    found = results(job)
    assert found[ada.reference][0] == "done"
    assert found[answered.reference] == ("skipped", "A reply was recorded before. Nothing was changed.")
    assert found[draft.reference][0] == "skipped"
    letter = Letter.objects.get()
    assert (letter.case_id, letter.kind, letter.mail) == (ada.pk, "completion", "queued")
    assert Case.objects.get(pk=ada.pk).reply_channel == "email"


def test_what_has_changed_since_the_look_is_left_alone(signed_in):
    ada = case_of("Ada")
    client = signed_in("olive", "intake")
    job = choose(client, "send_completion", ada)
    lifecycle.cancel(ada, by=person("olive"), reason="withdrawn")
    client.post(address(job))
    assert results(job)[ada.reference][0] == "skipped"
    assert not Letter.objects.exists()


def test_a_desk_that_mails_no_letters_leaves_everybody_out(signed_in, settings):
    settings.LETTERS_FROM = ""
    ada = case_of("Ada")
    job = choose(signed_in("olive", "intake"), "send_acknowledgement", ada)
    assert "sends no letters by e-mail" in results(job)[ada.reference][1]


def test_two_who_send_many_the_same_send_each_person_one_letter(signed_in):
    ada = case_of("Ada")
    jobs = [choose(signed_in(name, "intake"), "send_acknowledgement", ada) for name in ("olive", "otto")]
    for name, job in zip(("olive", "otto"), jobs, strict=True):
        signed_in(name, "intake").post(address(job))
    first, second = (results(job)[ada.reference] for job in jobs)
    assert first[0] == "done"
    assert second == ("skipped", "The receipt was confirmed before. Nothing was changed.")
    assert Letter.objects.count() == 1
