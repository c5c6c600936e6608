"""verify.py against rows and files it must refuse, sealed or not. Needs no database, as the verifier does not."""

import json

import pytest

from compliance.audit import export, verify
from compliance.audit.verify import Bad

from .forge import FORMS, Log, an_id, as_csv, as_jsonl, row


def check(tmp_path, content):
    file = tmp_path / "export"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return verify.verify(file)


def test_verifier_and_exporter_agree_on_the_header():
    assert tuple(verify.HEADER) == export.HEADER


@pytest.mark.parametrize("form", FORMS)
def test_a_sound_file_is_counted(tmp_path, form):
    assert check(tmp_path, form([row(), row()])).startswith("2 rows: each is intact in itself; 2 are not sealed yet")


@pytest.mark.parametrize("form", FORMS)
def test_a_row_that_claims_to_be_sealed_is_refused_without_a_checkpoint(tmp_path, form):
    with pytest.raises(Bad, match=r"row 2 \(index 7, .*claims to be sealed, but there is no checkpoint"):
        check(tmp_path, form([row(), row(7)]))


def test_an_export_of_nothing_is_sound(tmp_path):
    assert check(tmp_path, as_csv([])).startswith("0 rows")


def test_an_empty_file_shows_nothing(tmp_path):
    with pytest.raises(Bad, match="the file is empty"):
        check(tmp_path, "")


def test_columns_after_ours_are_allowed(tmp_path):
    lines = as_csv([row()]).split("\r\n")
    more = "\r\n".join([lines[0] + ",proof", lines[1] + ",x", ""])
    assert check(tmp_path, more).startswith("1 rows")
    assert check(tmp_path, as_jsonl([row() | {"proof": "x"}])).startswith("1 rows")


@pytest.mark.parametrize("form", FORMS)
def test_a_byte_order_mark_for_excel_is_no_part_of_the_text(tmp_path, form):
    assert check(tmp_path, "\ufeff" + form([row()])).startswith("1 rows")


def test_a_summary_may_say_anything(tmp_path):
    assert check(tmp_path, as_csv([row(summary='\'=1+1, "\r\n"')])).startswith("1 rows")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "event",
    [
        {"details": {}},
        {"details": {"a": None, "b": [True, -1, "x"], "c": {"d": 0}, "é": '\u2028 \x7f / 🙂 \\ " \n'}},
        {"actor": 'user:"\\1', "subject": "\n"},  # `record` writes none of these; they are canonical all the same
    ],
)
def test_whatever_is_canonical_is_sound(tmp_path, event, form):
    assert check(tmp_path, form([row(event=event)])).startswith("1 rows")


same = an_id()
TEXT = row()["canonical"]


def in_text(old, new):
    return row(text=TEXT.replace(old, new))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row(), row(leaf_hash="0" * 64)], "row 2 .*leaf_hash is not the hash"),
        ([row(leaf_hash=row()["leaf_hash"].upper())], "leaf_hash is not the hash"),
        ([row(at="2026-11-03T12:00:00.000000Z")], "the cell at says"),
        ([row(actor="user:2")], "the cell actor says 'user:2', canonical says 'user:1'"),
        ([row(action="case.closed")], "the cell action"),
        ([row(case="DSR-2026-000002")], "the cell case"),
        ([row(subject="")], "the cell subject"),
        ([row(event_id=same)], "the cell event_id"),
        ([row(event={"actor": 1}, actor="1")], "the cell actor says '1', canonical says 1"),
        ([row(event={"id": same}), row(), row(event={"id": same})], "row 3 .*appears a second time"),
        ([row(event={"id": "7"})], "not a UUID"),
        ([row(event={"id": same.upper()})], "not a UUID"),
        ([row(event={"id": "{" + same + "}"})], "not a UUID"),
        ([row(text="{}")], "exactly the fields"),
        ([row(event={"extra": 1})], "exactly the fields"),
        ([row(event={"details": None})], "exactly the fields"),
        ([row(text="[]")], "not a JSON object"),
        ([row(text="")], "not proper JSON"),
        ([in_text(":", ": ")], "not in canonical form"),
        ([in_text('"details":{', '"details": {')], "not in canonical form"),
        ([in_text("1}", "1 }")], "not in canonical form"),
        ([row(text=TEXT + "\n")], "not in canonical form"),
        (
            [row(text=json.dumps(dict(reversed(json.loads(TEXT).items())), separators=(",", ":")))],
            "not in canonical form",
        ),
        ([in_text('"count":1', '"d":1,"count":1')], "not in canonical form"),
        ([in_text("user", "\\u0075ser")], "not in canonical form"),
        ([in_text("count", "\\u0063ount")], "not in canonical form"),
        ([in_text("count", "\\ud800")], "not in canonical form"),
        ([in_text("1}", "-0}")], "not in canonical form"),
        ([in_text("1}", "01}")], "not proper JSON"),
        ([in_text('"count":1', '"count":1,"count":1')], "a key appears twice"),
        ([in_text('"count":1', '"count":2,"count":1')], "a key appears twice"),
        ([in_text('"count":1', '"count":{"a":1,"a":1}')], "a key appears twice"),
        ([in_text("1}", "1.0}")], "not a whole number"),
        ([in_text("1}", "1e0}")], "not a whole number"),
        ([in_text("1}", "NaN}")], "not a whole number"),
        ([in_text("1}", "-Infinity}")], "not a whole number"),
        ([in_text("1}", "9" * 5000 + "}")], "not proper JSON"),
        ([in_text("1}", "[" * 200_000 + "]" * 200_000 + "}")], "not proper JSON"),
        ([in_text("count", "\0")], "not proper JSON"),
    ],
)
def test_a_bad_row_is_named_with_the_reason(tmp_path, rows, reason, form):
    with pytest.raises(Bad, match=reason):
        check(tmp_path, form(rows))


@pytest.mark.parametrize("form", FORMS)
def test_a_cell_cannot_bring_a_second_field_along(tmp_path, form):
    """Put at their places, these cells make exactly this text; but an `actor` stands in it twice."""
    sound = row()
    text = sound["canonical"].replace('"actor":"user:1"', '"actor":"user:2","actor":"user:1"')
    sly = row(text=text, action='case.opened","actor":"user:2', event_id=sound["event_id"])
    with pytest.raises(Bad, match="a key appears twice"):
        check(tmp_path, form([sly]))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("index,event_id\r\n", "does not begin with"),
        ("\ufeff\ufeff" + as_csv([row()]), "does not begin with"),
        (as_csv([row()], header=list(reversed(verify.HEADER))), "does not begin with"),
        (as_csv([row()]).replace("\r\n", ",more\r\n").replace("leaf_hash,more", "leaf_hash"), "11 cells"),
        (as_csv([row()]) + "\r\n", "row 2 .*0 cells"),
        (as_csv([row()])[:-100], "row 1"),
        (as_csv([row("01")]), "index is not a number"),
        (as_csv([row("-1")]), "index is not a number"),
        (as_csv([row("١")]), "index is not a number"),
        (as_csv([row("1_0")]), "index is not a number"),
        (as_csv([row("9" * 5000)]), "index is not a number"),
        (as_jsonl([row("1")]), "index is not a number"),
        (as_jsonl([row(True)]), "index is not a number"),
        (as_jsonl([row(-1)]), "index is not a number"),
        (as_jsonl([row(1.5)]), "not a whole number"),
        (as_jsonl([row(10**30)]), "index is not a number"),
        (as_jsonl([row(summary=None)]), "summary is missing or is not text"),
        (as_jsonl([row()]).replace('"index": null, ', ""), "index is not a number"),
        (as_jsonl([row()]).replace('"summary": ', '"index": 4, "summary": '), "a key appears twice"),
        (as_jsonl([row()]) + "\n", "row 2 .*not proper JSON"),
        (as_jsonl([row()])[:-9], "not proper JSON"),
        ("{" + as_jsonl([row()]), "not proper JSON"),
        ('{"index":null}\n', "event_id is missing"),
        (as_csv([row()]).encode("utf-16"), "somewhere after row 0 it is not text in UTF-8"),
        (as_csv([row()]).encode() + b"\xff", "not text in UTF-8"),
        (as_jsonl([row()])[:-1].encode() + b"\xff\n", "not text in UTF-8"),
        (as_jsonl([row() for _ in range(1000)]).encode() + b"\xff", r"after row \d\d+ it is not text in UTF-8"),
        ("x" * 2_000_000, "longer than"),
        (as_csv([]) + '"' + "x\n" * 1_000_000, "row 1 .*longer than"),
        (as_csv([row()]) + 'x,"\n' + '","\n' * 500_000, "row 2 .*longer than"),
        ('{"a":"' + "x" * 2_000_000, "longer than"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path, content, reason):
    with pytest.raises(Bad, match=reason):
        check(tmp_path, content)


def test_half_a_character_in_json_lines_is_refused(tmp_path):
    text = TEXT.replace("count", "\ud800")
    broken = row() | {"canonical": text, "leaf_hash": "0" * 64}
    with pytest.raises(Bad, match="half a character"):
        check(tmp_path, json.dumps(broken) + "\n")


def test_a_message_repeats_nothing_that_a_terminal_would_obey(tmp_path):
    with pytest.raises(Bad) as refusal:
        check(tmp_path, as_jsonl([row(actor="\x1b[2J\x9b" + "x" * 500)]))
    assert str(refusal.value).isascii()
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("form", FORMS)
def test_rows_that_are_not_sealed_yet_follow_the_sealed_ones_and_are_counted(tmp_path, form):
    file = Log.of(3).export(tail=[row(), row()]).write(tmp_path, form)
    said = verify.verify(file)
    assert said.startswith("5 rows: each is intact in itself; 3 are sealed")
    assert "They are the whole log of 3 events" in said
    assert said.endswith("2 are not sealed yet, so a missing row cannot be noticed, nor one rewritten with its hash.")


# --- columns of which two readers would read two things ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["actor", "Canonical", " at "])
def test_a_column_that_passes_for_another_is_refused(tmp_path, name):
    rows = [row()]
    header, line = as_csv(rows).splitlines()
    with pytest.raises(Bad, match="stands there a second time"):
        check(tmp_path, f"{header},{name}\r\n{line},user:999\r\n")


@pytest.mark.parametrize("name", ["Actor", "actor "])
def test_a_field_that_passes_for_another_is_refused(tmp_path, name):
    with pytest.raises(Bad, match="stands there a second time"):
        check(tmp_path, as_jsonl([row() | {name: "user:999"}]))


def test_further_columns_are_left_alone(tmp_path):
    header, line = as_csv([row()]).splitlines()
    check(tmp_path, f"{header},remark\r\n{line},seen\r\n")


def test_a_row_that_was_cut_off_is_told_as_that(tmp_path):
    with pytest.raises(Bad, match=r"row 1 .*leaf_hash has 60 characters, not 64: .*cut off"):
        check(tmp_path, as_csv([row()])[:-6])
