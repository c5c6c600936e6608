"""Which header names which column, and the template and the page that explain them, which cannot go stale."""

import dataclasses

import pytest
from django.utils.translation import override

from erasure.admin.forms import OpeningForm
from erasure.imports import columns, files, keeping, reading
from erasure.intake import Accounts, Opening
from erasure.normalise import KNOWN_KINDS
from tests.factories import vendor

NEEDED = ["kind", "regime", "ground", "email"]


@pytest.mark.django_db
def test_the_columns_are_what_an_opening_holds_in_the_words_of_its_form():
    fields = {item.name for item in dataclasses.fields(Opening)} - {"identifiers", "requester", "handler"}
    assert set(columns.BY_NAME) == fields | set(OpeningForm.requester)
    form = OpeningForm()
    with override(None):
        assert {column.name: str(column.label) for column in columns.FACTS} == {
            name: str(form.fields[name].label) for name in columns.BY_NAME
        }


@pytest.mark.parametrize(
    ("title", "role", "name"),
    [
        ("kind", "kind", "kind"),
        (" Request type ", "kind", "kind"),
        ("EXTERNAL-ID", "external_id", "external_id"),
        ("State or region", "subdivision", "subdivision"),
        ("email", columns.IDENTIFIER, "email"),
        ("E-Mail", columns.IDENTIFIER, "email"),
        ("email_2", columns.IDENTIFIER, "email"),
        ("Customer ID", columns.IDENTIFIER, "customer_id"),
        ("x1_id", columns.IDENTIFIER, "x1_id"),
        ("loyalty_id", columns.IDENTIFIER, "loyalty_id"),
        ("identifier:loyalty_id", columns.IDENTIFIER, "loyalty_id"),
        ("note", "note", "note"),
        ("identifier:note", columns.IDENTIFIER, "note"),
        ("problem", columns.IGNORED, "problem"),
        ("emial", columns.UNKNOWN, ""),
        ("identifier:emial", columns.UNKNOWN, ""),
        ("", columns.UNKNOWN, ""),
    ],
)
def test_a_header_names_a_column(title, role, name):
    assert columns.role_of(title, [*KNOWN_KINDS, "loyalty_id", "note"]) == (role, name)


def test_columns_have_the_letters_that_a_spreadsheet_shows():
    assert [columns.letter(at) for at in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (["kind", "regime", "email"], "The column “ground” (Reason) is missing."),
        (NEEDED[:3], "No column holds identifiers"),
        ([*NEEDED, "note", "Note"], "The columns E, F are both “note”."),
    ],
)
def test_a_header_that_is_not_fit_is_refused(header, said):
    with pytest.raises(reading.NotATable) as refused:
        columns.places(header, KNOWN_KINDS)
    assert said in str(refused.value)


def test_identifier_columns_may_be_repeated_and_unknown_ones_are_named():
    found = columns.places([*NEEDED, "email", "emial", ""], KNOWN_KINDS)
    assert [place.name for place in found if place.role == columns.IDENTIFIER] == ["email", "email"]
    assert [(place.letter, place.title) for place in columns.unknown(found)] == [("F", "emial")]


@pytest.mark.django_db
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_the_template_has_every_column_and_a_sample_row_that_is_refused(delimiter):
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email", "loyalty_id", "note"]})
    accounts = Accounts.read()
    content = files.template(columns.kinds(accounts.kinds), delimiter=delimiter)
    table = keeping.table_of(content, accounts)
    assert (table.delimiter, table.encoding) == (delimiter, "UTF-8 with a byte order mark")
    found = columns.places(table.header, columns.kinds(accounts.kinds))
    assert not columns.unknown(found)
    assert {place.name for place in found if place.role in columns.BY_NAME} == set(columns.BY_NAME)
    kinds = {place.name for place in found if place.role == columns.IDENTIFIER}
    assert kinds == {*KNOWN_KINDS, "loyalty_id", "note"}
    (row,) = keeping.judge(table, accounts, by=None, day_first=None).rows
    assert [(problem.name, problem.text) for problem in row.problems] == [
        ("external_id", "This is the sample row of the template. Delete it.")
    ]
