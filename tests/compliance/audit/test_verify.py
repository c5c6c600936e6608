"""verify.py against files it must refuse. Needs no database, as the verifier does not."""

import csv
import hashlib
import io
import json
import uuid

import pytest

from compliance.audit import export, verify
from compliance.audit.verify import Bad

FIELDS = {"actor": "user:1", "at": "2026-11-02T12:00:00.000000Z", "case": "DSR-2026-000001", "subject": "sub_task:7"}


def canonical(event):
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def leaf(text):
    return hashlib.sha256(b"\0" + text.encode()).hexdigest()


def row(index=None, event=None, text=None, **cells):
    event = {"action": "case.opened", "details": {"count": 1}, "id": str(uuid.uuid4())} | FIELDS | (event or {})
    text = canonical(event) if text is None else text
    made = {name: event[name] for name in ("at", "actor", "action", "case", "subject")}
    made |= {"index": index, "event_id": event["id"], "summary": "Opened.", "canonical": text, "leaf_hash": leaf(text)}
    return made | cells


def as_csv(rows, header=verify.HEADER):
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([["" if row[name] is None else row[name] for name in verify.HEADER] for row in rows])
    return out.getvalue()


def as_jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def check(tmp_path, content):
    file = tmp_path / "export"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return verify.verify(file)


def test_verifier_and_exporter_agree_on_the_header():
    assert tuple(verify.HEADER) == export.HEADER


@pytest.mark.parametrize("form", [as_csv, as_jsonl])
def test_a_sound_file_is_counted(tmp_path, form):
    assert check(tmp_path, form([row(), row()])).startswith("2 rows: each is intact in itself; 2 are not sealed yet")


@pytest.mark.parametrize("form", [as_csv, as_jsonl])
def test_a_row_that_claims_to_be_sealed_is_refused_while_nothing_proves_it(tmp_path, form):
    with pytest.raises(Bad, match=r"row 2 .*claims to be sealed .index 7., but nothing proves it"):
        check(tmp_path, form([row(), row(7)]))


@pytest.mark.parametrize("indexes", [(4, 6), (4, 4), (4, 3)])
def test_where_something_proves_them_indexes_follow_each_other(indexes):
    assert len(list(verify.check_rows([row(4), row(5), row()], proven=True))) == 3
    with pytest.raises(Bad, match=f"row 2 .*index is {indexes[1]}, after 4"):
        list(verify.check_rows([row(index) for index in indexes], proven=True))


def test_an_export_of_nothing_is_sound(tmp_path):
    assert check(tmp_path, as_csv([])).startswith("0 rows")


def test_an_empty_file_is_no_export(tmp_path):
    with pytest.raises(Bad, match="the file is empty"):
        check(tmp_path, "")


def test_columns_after_ours_are_allowed(tmp_path):
    lines = as_csv([row()]).split("\r\n")
    more = "\r\n".join([lines[0] + ",proof", lines[1] + ",x", ""])
    assert check(tmp_path, more).startswith("1 rows")
    assert check(tmp_path, as_jsonl([row() | {"proof": "x"}])).startswith("1 rows")


def test_a_summary_may_say_anything(tmp_path):
    assert check(tmp_path, as_csv([row(summary='\'=1+1, "\r\n"')])).startswith("1 rows")


same = str(uuid.uuid4())
TEXT = row()["canonical"]


@pytest.mark.parametrize("form", [as_csv, as_jsonl])
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
        ([row(text="{}")], "exactly the fields"),
        ([row(event={"extra": 1})], "exactly the fields"),
        ([row(text="[]")], "not a JSON object"),
        ([row(text="")], "not proper JSON"),
        ([row(text=TEXT.replace(":", ": ", 1))], "not in canonical form"),
        ([row(text=TEXT + "\n")], "not in canonical form"),
        (
            [row(text=json.dumps(dict(reversed(json.loads(TEXT).items())), separators=(",", ":")))],
            "not in canonical form",
        ),
        ([row(text=TEXT.replace("user", "\\u0075ser"))], "not in canonical form"),
        ([row(text=TEXT.replace("1}", "-0}"))], "not in canonical form"),
        ([row(text=TEXT.replace('"count":1', '"count":1,"count":1'))], "a key appears twice"),
        ([row(text=TEXT.replace("1}", "1.0}"))], "not a whole number"),
        ([row(text=TEXT.replace("1}", "NaN}"))], "not a whole number"),
        ([row(text=TEXT.replace("1}", "9" * 5000 + "}"))], "not proper JSON"),
        ([row(text=TEXT.replace("1}", "[" * 200_000 + "]" * 200_000 + "}"))], "not proper JSON"),
        ([row(text=TEXT.replace("count", "\0"))], "not proper JSON"),
    ],
)
def test_a_bad_row_is_named_with_the_reason(tmp_path, rows, reason, form):
    with pytest.raises(Bad, match=reason):
        check(tmp_path, form(rows))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("index,event_id\r\n", "header"),
        ("\ufeff" + as_csv([row()]), "header"),
        (as_csv([row()], header=list(reversed(verify.HEADER))), "header"),
        (as_csv([row()]).replace("\r\n", ",more\r\n").replace("leaf_hash,more", "leaf_hash"), "11 cells"),
        (as_csv([row()]) + "\r\n", "row 2 .*0 cells"),
        (as_csv([row()])[:-100], "row 1"),
        (as_csv([row("01")]), "index is not a number"),
        (as_csv([row("-1")]), "index is not a number"),
        (as_jsonl([row("1")]), "index is not a number"),
        (as_jsonl([row(True)]), "index is not a number"),
        (as_jsonl([row(summary=None)]), "summary is not text"),
        (as_jsonl([row()]) + "\n", "row 2 .*not proper JSON"),
        (as_jsonl([row()])[:-9], "not proper JSON"),
        ('{"index":null}\n', "event_id is missing"),
        (as_csv([row()]).encode("utf-16"), "utf-8"),
        (as_csv([row()]).encode() + b"\xff", "utf-8"),
        ("x" * 2_000_000, "longer than"),
        (as_csv([]) + '"' + "x\n" * 1_000_000, "row 1 .*field larger"),
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
        check(tmp_path, as_jsonl([row(actor="\x1b[2J" + "x" * 500)]))
    assert "\x1b" not in str(refusal.value)
    assert len(str(refusal.value)) < 300
