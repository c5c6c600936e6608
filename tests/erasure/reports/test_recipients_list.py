"""The list of recipients that a person gets: in their language, complete, and the same for the same state."""

from datetime import UTC, datetime

import pytest

from erasure import lifecycle
from erasure.models import Case
from erasure.reports.recipients_list import recipients_list
from erasure.reports.spoken import chosen, language_of
from tests.erasure.reports.conftest import furthest_right, text_of
from tests.factories import approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db
LONG = "Gesellschaft für Werbung und Marktforschung " * 4
ODD = 'شركة الإعلان #import "x" $*_`\\ 🦄 <b>'


@pytest.fixture
def case(turn_clock) -> Case:
    turn_clock(datetime(2026, 9, 5, 12, tzinfo=UTC))
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})
    case = approved_case(received_at=datetime(2026, 9, 1, 12, tzinfo=UTC), requester={"language": "de-AT"})
    lifecycle.attest(work(case, "Paper archive"), by=person("ada"), note="Shredded.")
    for name in (LONG, ODD):
        lifecycle.add_recipient(case, by=person("olive"), name=name)
    key = str(lifecycle.add_recipient(case, by=person("olive"), name="Zeitung").pk)
    lifecycle.not_told(case, by=person("olive"), recipient=key, why="disproportionate", note="A secret reason.")
    return Case.objects.get(pk=case.pk)


def test_it_speaks_the_language_of_the_person_or_a_chosen_one(case):
    german, english = text_of(recipients_list(case)), text_of(recipients_list(case, language="en-gb"))
    assert "Wer Ihre Daten erhalten hat" in german
    assert "5. September 2026" in german
    assert "unverhältnismäßiger Aufwand" in german
    assert "Who received your data" in english
    assert "by a member of staff" in english
    assert "confirmed on 5 September 2026" in english
    assert "secret" not in german + english  # the justification is for whoever asks why, not for everybody


def test_no_name_breaks_it_or_the_edge_of_its_page(case):
    content = recipients_list(case)
    text = " ".join(text_of(content).split())
    assert 'import "x"' in text
    assert "<b>" in text
    assert "Gesellschaft für Werbung und Marktforschung" in text
    assert furthest_right(content) < 595 - 20 / 25.4 * 72 + 1


def test_the_same_state_makes_the_same_bytes(case):
    assert recipients_list(case) == recipients_list(Case.objects.get(pk=case.pk))


def test_a_case_without_any_says_so(db):
    assert "No recipient is on record." in text_of(recipients_list(opened_case()))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("de", "de"),
        ("de-CH", "de"),
        ("DE_at", "de"),
        ("Deutsch", "de"),
        ("en", "en-gb"),
        ("fr", "en-gb"),
        ("", "en-gb"),
    ],
)
def test_what_a_person_reads_is_understood_as_it_was_written(db, said, code):
    assert language_of(opened_case(requester={"language": said})) == code


def test_a_language_that_the_desk_does_not_speak_cannot_be_chosen():
    assert [chosen(code) for code in ("de", "en-gb", "en", "fr", "")] == ["de", "en-gb", "en-gb", "", ""]
