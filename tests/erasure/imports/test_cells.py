"""What a cell says: words, moments, several identifiers. What can be read in two ways is refused."""

from datetime import UTC, datetime

import pytest
from django.utils.translation import override

from erasure.imports import cells
from erasure.states import Channel, Ground, Kind, Regime


@pytest.mark.parametrize("choices", [Kind, Regime, Ground, Channel])
def test_every_word_is_taken_as_it_is_stored_and_as_staff_read_it(choices):
    for choice in choices:
        for text in (choice.value, choice.value.upper(), str(choice.label), f" {choice.label} ".title()):
            assert cells.word(text, choices) == choice.value, text


@pytest.mark.parametrize(("text", "kind"), [("Erase", "erasure"), ("Lift the restriction", "lift_restriction")])
def test_what_is_asked_of_a_vendor_names_the_request_type_too(text, kind):
    assert cells.word(text, Kind) == kind


def test_in_another_language_the_stored_and_the_english_words_stay_good():
    with override("de"):
        assert cells.word("UK GDPR", Regime) == cells.word("uk_gdpr", Regime) == "uk_gdpr"


def test_a_word_that_is_none_stays_for_intake_to_refuse():
    assert cells.word("shredding", Kind) == "shredding"


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "first", "means"),
    [
        ("2026-11-02", None, utc(2026, 11, 2)),
        (" 2026-11-02 09:30 ", None, utc(2026, 11, 2, 9, 30)),
        ("2026-11-02T09:30:15Z", None, utc(2026, 11, 2, 9, 30, 15)),
        ("2026-11-02t09:30:15z", None, utc(2026, 11, 2, 9, 30, 15)),
        ("2026-11-02 09:30 +02:00", None, utc(2026, 11, 2, 7, 30)),
        ("25.12.2025", None, utc(2025, 12, 25)),
        ("12/25/2025", None, utc(2025, 12, 25)),
        ("3/3/2026", None, utc(2026, 3, 3)),
        ("2/11/2026", True, utc(2026, 11, 2)),
        ("02.11.2026 9:30", True, utc(2026, 11, 2, 9, 30)),
        ("02-11-2026", False, utc(2026, 2, 11)),
        ("02/11/2026, 21:05:07", False, utc(2026, 2, 11, 21, 5, 7)),
    ],
)
def test_a_moment_that_can_be_read_in_one_way_is_read(text, first, means):
    assert cells.moment(text, day_first=first) == means


def test_a_time_without_a_zone_is_the_desks(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    assert cells.moment("2026-11-02", day_first=None) == utc(2026, 11, 1, 23)
    assert cells.moment("02.07.2026 09:30", day_first=True) == utc(2026, 7, 2, 7, 30)


@pytest.mark.parametrize("text", ["02/11/2026", "2.11.2026", "02-11-2026 09:30"])
def test_a_day_that_could_be_a_month_is_not_guessed(text):
    with pytest.raises(ValueError, match="The day and the month cannot be told apart"):
        cells.moment(text, day_first=None)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("25/12/2025", False),
        ("12/25/2025", True),
        ("31/04/2026", True),
        ("2026-02-30", None),
        ("2026-11-02 25:00", None),
        ("02.11.2026 24:61", True),
        ("13/13/2026", None),
    ],
)
def test_a_day_that_does_not_exist_is_refused(text, first):
    with pytest.raises(ValueError, match="There is no such day or time"):
        cells.moment(text, day_first=first)


@pytest.mark.parametrize("text", ["45963", "02/11/26", "20261102", "2026-W45-1", "yesterday", "2.11/2026", "2026-11-2"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match="It is not a day or a time"):
        cells.moment(text, day_first=True)


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("customer_id", "C-1", ["C-1"]),
        ("customer_id", "C-1\r\nC-2\nC-3\r", ["C-1", "C-2", "C-3"]),
        ("customer_id", "auth0|17;a,b", ["auth0|17;a,b"]),
        ("email", "a@example.org; b@example.org\nc@example.org;", ["a@example.org", " b@example.org", "c@example.org"]),
    ],
)
def test_several_identifiers_stand_in_one_cell(kind, text, found):
    assert cells.values(kind, text) == found


@pytest.mark.parametrize("text", ["1.23457E+12", "1,23457E+12", "4E+15 "])
def test_a_number_that_a_spreadsheet_has_shortened_is_refused(text):
    with pytest.raises(ValueError, match="A spreadsheet has shortened this number"):
        cells.check_whole(text)


@pytest.mark.parametrize("text", ["1234567890123", "E+12", "C1E+2", "12E-3"])
def test_other_ids_are_whole(text):
    cells.check_whole(text)
