"""What people record of recipients: once, with proof in the trail, and never a name outside the sealed row."""

from datetime import UTC, date, datetime

import pytest

from compliance.audit.models import Event
from compliance.vault.seal import keyed_digest
from erasure import lifecycle, recipients
from erasure.errors import Conflict, Invalid
from erasure.lifecycle.ledger import MOST
from erasure.models import Case, Note, Recipient
from tests.factories import approve, approved_case, opened_case, person, vendor

pytestmark = pytest.mark.django_db
NAME = "Zoë Zq7xk, Werbenetzwerk <AG> 🦄"


@pytest.fixture
def case(turn_clock) -> Case:
    turn_clock(datetime(2026, 9, 5, 12, tzinfo=UTC))
    vendor("Shop search")
    return approved_case(received_at=datetime(2026, 9, 1, 12, tzinfo=UTC))


@pytest.fixture
def network(case) -> Recipient:
    return lifecycle.add_recipient(case, by=person("olive"), name=NAME)


def the_line(case):
    return recipients.lines(case)[-1]


def test_a_name_is_sealed_and_the_trail_has_its_id_alone(case, network):
    assert NAME.encode() not in bytes(network.name_sealed)
    assert the_line(case).name == NAME
    event = Event.objects.get(action="recipient.added")
    assert (event.subject, event.case, event.details) == (f"recipient:{network.pk}", case.reference, {})


def test_told_on_a_day_and_by_a_way(case, network):
    key = str(network.pk)
    lifecycle.told_recipient(
        case, by=person("olive"), recipient=key, channel="email", on=date(2026, 9, 3), note=f"Wrote to {NAME}."
    )
    line = the_line(case)
    assert (line.told_on, line.how, line.is_open) == (date(2026, 9, 3), "e-mail", False)
    event = Event.objects.get(action="recipient.told")
    note = Note.objects.get()
    assert event.details == {
        "recipient": f"recipient:{key}",
        "channel": "email",
        "told_on": "2026-09-03",
        "note": f"note:{note.pk}",
        "note_hash": keyed_digest(case.data_key, "note", f"Wrote to {NAME}.".encode()),
    }
    assert note.about == f"recipient:{key}"


def test_a_why_not_is_one_of_the_laws_and_takes_a_justification(case, network):
    key, olive = str(network.pk), person("olive")
    before = Event.objects.count()
    for wrong, pointer in (({"why": "bored", "note": "x"}, "/why"), ({"why": "impossible", "note": " "}, "/note")):
        with pytest.raises(Invalid) as refused:
            lifecycle.not_told(case, by=olive, recipient=key, **wrong)
        assert [where for where, _text in refused.value.problems] == [pointer]
    assert Event.objects.count() == before
    assert the_line(case).is_open

    lifecycle.not_told(case, by=olive, recipient=key, why="disproportionate", note="Ten thousand readers.")
    assert the_line(case).justified
    assert Event.objects.get(action="recipient.not_told").details["why_not"] == "disproportionate"


def test_nobody_is_told_twice_and_a_telling_is_never_taken_back(case, network):
    told = {"by": person("olive"), "recipient": str(network.pk)}
    lifecycle.not_told(case, **told, why="impossible", note="No address.")
    lifecycle.told_recipient(case, **told, channel="letter")
    for again in (
        lambda: lifecycle.told_recipient(case, **told, channel="email"),
        lambda: lifecycle.not_told(case, **told, why="impossible", note="No address."),
    ):
        with pytest.raises(Conflict) as refused:
            again()
        assert refused.value.code == "already_told"
    assert the_line(case).how == "letter"


@pytest.mark.parametrize(
    ("on", "says"), [(date(2026, 9, 6), "still to come"), (date(2026, 8, 31), "before the request")]
)
def test_the_day_lies_between_receipt_and_today(case, network, on, says):
    with pytest.raises(Invalid, match=says):
        lifecycle.told_recipient(case, by=person("olive"), recipient=str(network.pk), channel="email", on=on)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_a_name_that_is_none_is_refused(case, name):
    with pytest.raises(Invalid):
        lifecycle.add_recipient(case, by=person("olive"), name=name)
    assert not Recipient.objects.exists()


@pytest.mark.parametrize("name", [NAME.upper(), " shop SEARCH "])
def test_a_recipient_that_is_there_is_not_added_again(case, network, name):
    with pytest.raises(Conflict) as refused:
        lifecycle.add_recipient(case, by=person("olive"), name=name)
    assert refused.value.code == "already_listed"


def test_a_ledger_has_room_for_so_many_and_no_more(case, monkeypatch):
    monkeypatch.setattr("erasure.lifecycle.ledger.MOST", 2)
    lifecycle.add_recipient(case, by=person("olive"), name="One")
    with pytest.raises(Conflict) as refused:
        lifecycle.add_recipient(case, by=person("olive"), name="Two")
    assert refused.value.code == "too_many_recipients"
    assert MOST == 100


def test_standing_recipients_are_in_the_ledger_of_each_case_that_is_approved_once(case, settings):
    settings.STANDING_RECIPIENTS = ["Ad network GmbH", "Audit, Inc."]
    assert len(recipients.lines(case)) == 1  # approved before
    waiting = opened_case(submit=True)
    lifecycle.add_recipient(waiting, by=person("olive"), name="audit, inc.")
    approve(waiting)
    assert sorted(line.name for line in recipients.lines(waiting) if not line.vendor) == [
        "Ad network GmbH",
        "audit, inc.",
    ]
    assert Event.objects.filter(case=waiting.reference, action="recipient.added").count() == 2
    assert not approved_case(kind="export").recipients.exists()


@pytest.mark.parametrize("key", ["", "nobody", "cdp", "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"])
def test_who_is_not_in_the_ledger_cannot_be_told(case, key):
    vendor("CDP", "acquia")  # enabled, and in no plan of this case
    with pytest.raises(Invalid) as refused:
        lifecycle.told_recipient(case, by=person("olive"), recipient=key, channel="email")
    assert refused.value.problems[0][0] == "/recipient"


def test_a_recipient_of_another_case_is_none_of_this_one(case, network):
    with pytest.raises(Invalid):
        lifecycle.told_recipient(approved_case(), by=person("olive"), recipient=str(network.pk), channel="email")
