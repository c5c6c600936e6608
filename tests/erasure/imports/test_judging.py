"""What would come of each row: the same words in the preview, the dry run and the import."""

import pytest

from erasure import imports
from erasure.intake import Accounts
from erasure.models import Case
from erasure.states import RowOutcome
from tests.factories import opened_case, person, vendor

from .made import HEADER, ROW, csv_bytes, requests, thousand

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]


def judged(content: bytes, by=None, **how):
    accounts = Accounts.read()
    how = {"day_first": None, **how}
    return imports.judge(imports.table_of(content, accounts), accounts, by=by or person("olive", "intake"), **how)


def outcomes(found) -> dict[int, RowOutcome]:
    return {row.number: row.outcome for row in found.rows}


def problems(found) -> list[tuple[str, str]]:
    return [(f"{problem.letter}{row.number}", problem.name) for row in found.rows for problem in row.problems]


def opened(content: bytes, by) -> None:
    kept = imports.upload(content, by=by, day_first=None)
    imports.accept(kept, submits=False)
    assert imports.carry_on(kept.pk)


def test_of_a_thousand_rows_each_of_the_seventeen_wrong_ones_is_told_at_its_cell():
    content, wrong = thousand()
    found = judged(content)
    assert len(found.of(RowOutcome.OPENED)) == 983
    assert {row.number: row.problems[0].name for row in found.of(RowOutcome.WRONG)} == wrong
    letters = {place.name: place.letter for place in found.places}
    assert all(problem.letter == letters[problem.name] for row in found.rows for problem in row.problems)
    assert all(len(row.problems) == 1 and row.problems[0].text for row in found.of(RowOutcome.WRONG))


def test_a_row_becomes_what_its_cells_say():
    vendor("Paper archive", "manual")
    content = requests(
        {
            "kind": "Restrict",
            "regime": "UK GDPR",
            "ground": "The person objects",
            "channel": "e-mail",
            "received_at": "2026-11-02 09:30",
            "country": "gb",
            "external_id": "'=crm-1",
            "name": "Ada Lovelace",
            "reply_to": "ada@example.org",
            "language": "en",
            "acting_for": "Byron",
            "vendors": "Paper archive; shop-search",
            "note": "She called.\nTwice.",
            "email": "a@example.org; b@example.org",
            "customer_id": "C-1\nC;2",
        }
    )
    (row,) = judged(content).rows
    assert row.outcome == RowOutcome.OPENED
    said = row.opening
    facts = (said.kind, said.regime, said.ground, said.channel, said.country, said.external_id, said.note)
    assert facts == ("restriction", "uk_gdpr", "objection", "email", "GB", "=crm-1", "She called.\nTwice.")
    assert said.received_at.isoformat() == "2026-11-02T09:30:00+00:00"
    assert said.requester == {
        "name": "Ada Lovelace",
        "reply_to": "ada@example.org",
        "language": "en",
        "acting_for": "Byron",
    }
    assert said.vendors == ["paper-archive", "shop-search"]
    assert [kind for kind, _value in said.identifiers] == ["email", "email", "customer_id", "customer_id"]
    assert [value for _kind, value in said.identifiers[2:]] == ["C-1", "C;2"]


def test_every_wrong_cell_of_a_row_is_told_and_each_once():
    content = csv_bytes(
        [*HEADER, "email", "phone", "received_at", "note", "reply_to"],
        ["", "gdpr", "because", "no address", "ada@example.org", "1.2E+12", "02/11/2026", "x\0y", "a" * 321],
    )
    told = [("F2", "phone"), ("G2", "received_at"), ("H2", "note"), ("A2", "kind"), ("C2", "ground")]
    assert problems(judged(content)) == [*told, ("I2", "reply_to"), ("D2", "email")]


def test_of_several_identifier_columns_the_wrong_cell_is_told():
    content = csv_bytes([*HEADER, "customer_id", "email_2"], [*ROW, "C-1", "no address"])
    assert problems(judged(content)) == [("F2", "email")]


@pytest.mark.parametrize("row", [ROW[:3], (*ROW, "one too many")])
def test_a_row_with_another_number_of_cells_than_the_header_is_wrong_and_not_read_further(row):
    found = judged(csv_bytes(HEADER, row))
    assert problems(found) == [("2", "")]
    assert f"The row has {len(row)} cells, the header has 4." in found.rows[0].problems[0].text


def test_empty_cells_behind_the_last_column_are_no_fault():
    assert outcomes(judged(csv_bytes(HEADER, (*ROW, "", "")))) == {2: RowOutcome.OPENED}


def test_days_are_read_as_the_upload_says():
    content = requests({"received_at": "02/11/2026"})
    assert problems(judged(content)) == [("E2", "received_at")]
    months = {first: judged(content, day_first=first).rows[0].opening.received_at.month for first in (True, False)}
    assert months == {True: 11, False: 2}


def test_an_external_id_that_this_account_has_used_is_there_already_with_its_reference():
    olive, otto = person("olive", "intake"), person("otto", "intake")
    case = opened_case(by=olive, external_id="crm-1")
    content = requests({"external_id": "crm-1", "kind": "now wrong"}, {"external_id": "crm-2"})
    assert [row.there for row in judged(content, by=olive).rows] == [case.reference, ""]
    assert outcomes(judged(content, by=otto)) == {2: RowOutcome.WRONG, 3: RowOutcome.OPENED}


def test_a_row_imported_before_is_there_already_whatever_the_order_of_its_columns():
    olive = person("olive", "intake")
    opened(csv_bytes(HEADER, ROW), olive)
    turned = csv_bytes([*reversed(HEADER), "problem"], [*reversed(ROW), "mended"])
    assert [row.there for row in judged(turned, by=olive).rows] == [Case.objects.get().reference]
    assert outcomes(judged(turned, by=olive, again=True)) == {2: RowOutcome.OPENED}
    assert outcomes(judged(turned, by=person("otto", "intake"))) == {2: RowOutcome.OPENED}


def test_an_external_id_stays_used_even_if_rows_are_opened_once_more():
    olive = person("olive", "intake")
    content = requests({"external_id": "crm-1"})
    opened(content, olive)
    assert outcomes(judged(content, by=olive, again=True)) == {2: RowOutcome.SKIPPED}


def test_within_a_file_the_same_row_counts_once_and_the_same_external_id_is_a_fault():
    content = requests({}, {}, {"external_id": "x"}, {"external_id": "x", "kind": "export"})
    found = judged(content)
    assert list(outcomes(found).values()) == [
        RowOutcome.OPENED,
        RowOutcome.SKIPPED,
        RowOutcome.OPENED,
        RowOutcome.WRONG,
    ]
    assert found.rows[1].same_as == 2
    assert problems(found) == [("E5", "external_id")]


def test_a_person_who_has_a_case_or_an_earlier_row_is_warned_of():
    case = opened_case()
    found = judged(requests({}, {"kind": "export"}, {"email": "bea@example.org"}))
    assert [row.warnings for row in found.rows] == [
        [f"Perhaps the same person as in {case.reference}."],
        [f"Perhaps the same person as in {case.reference}.", "Row 2 seems to be about the same person."],
        [],
    ]


def test_many_rows_take_a_handful_of_queries(django_assert_max_num_queries):
    content = requests(*({"email": f"p{number}@example.org", "external_id": f"x{number}"} for number in range(2, 3002)))
    olive = person("olive", "intake")
    with django_assert_max_num_queries(6):
        assert len(judged(content, by=olive).of(RowOutcome.OPENED)) == 3000
