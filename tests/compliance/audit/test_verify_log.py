"""verify.py against sealed exports that were tampered with: of the whole log and of a part, as CSV and JSON lines."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.audit import verify
from compliance.audit.verify import Bad

from .forge import FORMS, Export, Log, leaf, row

LOG = Log.of(23)
WHOLE = LOG.export()
KEPT = [1, 3, 4, 5, 6, 11, 20]
PART = LOG.export(KEPT)
SCOPES = pytest.mark.parametrize("made", [WHOLE, PART], ids=["whole", "part"])
IN_FORMS = pytest.mark.parametrize("form", FORMS)


def refused(file: Path) -> str:
    with pytest.raises(Bad) as refusal:
        verify.verify(file)
    return str(refusal.value)


@SCOPES
@IN_FORMS
@pytest.mark.parametrize("bom", [False, True])
def test_an_export_of_a_sealed_log_is_in_order(tmp_path, made, form, bom):
    said = verify.verify(made.write(tmp_path, form, bom=bom))
    assert said.startswith(f"{len(made.rows)} rows: each is intact in itself; {len(made.rows)} are sealed")
    assert ("They are the whole log of 23 events: none is missing" in said) == (made is WHOLE)
    assert ("That none is missing from this part is not shown." in said) == (made is PART)
    assert "Nobody's signature was checked" in said


# --- tampering: what is done to the rows, and what the verifier must say; {row} and {index} are of the row it names ---


def change(name: str, value: str) -> Callable[[Export], int]:
    def tamper(made: Export) -> int:
        made.rows[3][name] = value
        return 3

    return tamper


def flip(made: Export) -> int:
    made.rows[3]["canonical"] = made.rows[3]["canonical"].replace('"number":', '"nunber":')
    return 3


def flip_hash(made: Export) -> int:
    made.rows[3]["leaf_hash"] = made.rows[3]["leaf_hash"][:-1] + ("0" if made.rows[3]["leaf_hash"][-1] != "0" else "1")
    return 3


def rewrite(at: int) -> Callable[[Export], int]:
    """Another event in the place of one, sound in itself."""

    def tamper(made: Export) -> int:
        made.rows[at] = row(made.rows[at]["index"], event={"details": {"number": 99}})
        return at % len(made.rows)

    return tamper


def delete(at: int) -> Callable[[Export], int]:
    def tamper(made: Export) -> int:
        del made.rows[at]
        return at

    return tamper


def delete_last(made: Export) -> int:
    del made.rows[-1]
    return len(made.rows) - 1


def truncate(made: Export) -> int:
    del made.rows[4:]
    return 3


def swap(made: Export) -> int:
    made.rows[2], made.rows[3] = made.rows[3], made.rows[2]
    return 2


def swap_and_renumber(made: Export) -> int:
    one, two = made.rows[2:4]
    made.rows[2:4] = [two | {"index": one["index"]}, one | {"index": two["index"]}]
    return 2


def duplicate(made: Export) -> int:
    made.rows.insert(3, made.rows[2])
    return 3


def renumber_one(made: Export) -> int:
    made.rows[3]["index"] += 1
    return 3


def renumber_all(made: Export) -> int:
    for one in made.rows:
        one["index"] += 1
    return 0


def unnumber_the_last(made: Export) -> int:
    made.rows[-1]["index"] = None
    return len(made.rows) - 2


def blank_into_the_tail(made: Export) -> int:
    made.rows.append(made.rows.pop(2) | {"index": None})
    return 2


def unnumber_one(made: Export) -> int:
    made.rows[2]["index"] = None
    return 3


def tail_in_the_middle(made: Export) -> int:
    made.rows.insert(3, row())
    return 4


def seal_the_tail(made: Export) -> int:
    made.rows.append(row(made.size))
    return len(made.rows) - 1


def tail_repeats(made: Export) -> int:
    made.rows.append(made.rows[2] | {"index": None})
    return len(made.rows) - 1


NAMED = r"row {row} \((index {index}, )?the header not counted\): "
BY_LEAVES = (
    r"do not come to the root of the checkpoint. By FILE.leaves row {row} \(index {index}\) is the first that is"
)
OUT_OF_ORDER = NAMED + r"the index \d+ comes next, this is {index}: rows or gaps are missing or out of order"
END = (
    r"its rows end before index \d+, the checkpoint is of 23 events. By FILE.leaves its {row} sealed rows are in order;"
)


@SCOPES
@IN_FORMS
@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (flip, NAMED + "leaf_hash is not the hash of canonical"),
        (flip_hash, NAMED + "leaf_hash is not the hash of canonical"),
        (change("at", "2026-11-02T12:00:00.000001Z"), NAMED + "the cell at says"),
        (change("actor", "user:2"), NAMED + "the cell actor says 'user:2', canonical says 'user:1'"),
        (change("action", "case.closed"), NAMED + "the cell action says"),
        (change("case", "DSR-2026-000002"), NAMED + "the cell case says"),
        (change("subject", ""), NAMED + "the cell subject says ''"),
        (change("event_id", "7a1f0c62-9f5b-4b06-93a5-000000000000"), NAMED + "the cell event_id says"),
        (rewrite(0), BY_LEAVES),
        (rewrite(3), BY_LEAVES),
        (rewrite(-1), BY_LEAVES),
        (delete(0), OUT_OF_ORDER),
        (delete(3), OUT_OF_ORDER),
        (delete_last, END),
        (truncate, END),
        (swap, OUT_OF_ORDER),
        (swap_and_renumber, BY_LEAVES),
        (duplicate, NAMED + "the event [0-9a-f-]{{36}} appears a second time"),
        (renumber_one, OUT_OF_ORDER),
        (renumber_all, OUT_OF_ORDER),
        (unnumber_the_last, END),
        (blank_into_the_tail, OUT_OF_ORDER),
        (unnumber_one, NAMED + "it is sealed, but stands after a row that is not"),
        (tail_in_the_middle, NAMED + "it is sealed, but stands after a row that is not"),
        (seal_the_tail, NAMED + "it is beyond the 23 events of the checkpoint. By FILE.leaves row {row} "),
        (tail_repeats, NAMED + "the event [0-9a-f-]{{36}} appears a second time"),
    ],
    ids=lambda value: getattr(value, "__qualname__", "").partition(".")[0] or None,
)
def test_what_was_tampered_with_is_named(tmp_path, made, form, tamper, reason):
    bad = made.copy()
    at = tamper(bad)
    said = refused(bad.write(tmp_path, form))
    assert re.search(reason.format(row=at + 1, index=bad.rows[at]["index"]), said), said


@pytest.mark.parametrize("at", [0, 9, 21])
@IN_FORMS
def test_a_row_deleted_and_the_rest_renumbered_is_named_by_the_leaves(tmp_path, form, at):
    bad = WHOLE.copy()
    del bad.rows[at]
    for index, one in enumerate(bad.rows):
        one["index"] = index
    said = refused(bad.write(tmp_path, form))
    assert f"By FILE.leaves row {at + 1} (index {at}) is the first that is not the one sealed there" in said


@pytest.mark.parametrize("at", [0, 9, 23])
@IN_FORMS
def test_a_row_inserted_and_the_rest_renumbered_is_named_by_the_leaves(tmp_path, form, at):
    bad = WHOLE.copy()
    bad.rows.insert(at, row())
    for index, one in enumerate(bad.rows):
        one["index"] = index
    said = refused(bad.write(tmp_path, form))
    assert "row 24 (index 23, the header not counted): it is beyond the 23 events of the checkpoint" in said
    assert f"By FILE.leaves row {at + 1} (index {at}) is the first that is not the one sealed there" in said


@SCOPES
def test_the_leaves_only_help_to_find_the_row(tmp_path, made):
    """They are not needed, and what somebody made of them proves nothing."""
    others = [leaf("another") for _ in made.rows]
    for leaves in (None, [], others, ["no hash"]):
        assert "sealed in 'erasure-desk/00ff'" in verify.verify(made.copy(leaves=leaves).write(tmp_path))
    bad = made.copy()
    rewrite(3)(bad)
    assert "Without FILE.leaves it cannot be told which row" in refused(bad.copy(leaves=None).write(tmp_path))
    fitting = [one["leaf_hash"] for one in bad.rows]
    for leaves in ([], others, fitting, fitting[:-1], ["no hash"], [*made.leaves, leaf("one more")]):
        said = refused(bad.copy(leaves=leaves).write(tmp_path))
        assert "FILE.leaves does not come to it either, so it cannot be told which row was changed" in said


# --- gaps -------------------------------------------------------------------------------------------------------------


def test_a_part_without_its_proofs_is_not_taken_for_the_whole(tmp_path):
    said = refused(PART.copy(gaps=None).write(tmp_path))
    assert "row 1 (index 1, the header not counted): the index 0 comes next, this is 1" in said


def gap(at: int, **changes: object) -> Callable[[list], list]:
    def altered(gaps: list) -> list:
        made = dict(zip(("first", "count", "node"), gaps[at], strict=True)) | changes
        gaps = [*gaps]
        gaps[at] = tuple(made.values())
        return gaps

    return altered


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (lambda gaps: gaps[1:], r"row 1 .index 1, .*the index 0 comes next"),
        (lambda gaps: [*gaps[:2], *gaps[3:]], r"row 6 .index 11, .*the index 7 comes next"),
        (lambda gaps: gaps[:-1], "rows end before index 22, the checkpoint is of 23"),
        (lambda gaps: [], r"row 1 .index 1, .*the index 0 comes next"),
        (lambda gaps: [*gaps, (23, 1, "00" * 32)], "gap from index 23 in FILE.proofs.json does not fit"),
        (lambda gaps: [*gaps, (24, 8, "00" * 32)], "rows end before index 23, the checkpoint is of 23"),
        (lambda gaps: [*gaps, gaps[-1]], "gap from index 22 in FILE.proofs.json does not fit"),
        (lambda gaps: [gaps[0], *gaps], "row 1 .*gap from index 0 in FILE.proofs.json does not fit"),
        (lambda gaps: [gaps[1], gaps[0], *gaps[2:]], "row 1 .*the index 0 comes next"),
        (gap(0, node="00" * 32), "do not come to the root of the checkpoint. FILE.leaves does not come to it either"),
        (gap(-1, node="00" * 32), "do not come to the root of the checkpoint. FILE.leaves does not come to it either"),
        (gap(0, count=3), "gap from index 0 in FILE.proofs.json is not a full subtree"),
        (gap(0, count=2), "row 1 .index 1, .*the index 3 comes next, this is 1"),
        (gap(0, count=2**62), "gap from index 0 in FILE.proofs.json does not fit"),
        (gap(0, count=0), "FILE.proofs.json has another form"),
        (gap(0, first=-1), "FILE.proofs.json has another form"),
        (gap(0, first=0.0), "FILE.proofs.json has another form"),
        (gap(0, first="0"), "FILE.proofs.json has another form"),
        (gap(0, first=10**40), "FILE.proofs.json has another form"),
        (gap(0, node="AA" * 32), "FILE.proofs.json has another form"),
        (gap(0, node="00" * 31), "FILE.proofs.json has another form"),
        (gap(0, node="00" * 3_000_000), "FILE.proofs.json has another form"),
    ],
)
def test_forged_gaps_are_refused(tmp_path, forged, reason):
    assert re.search(reason, refused(PART.copy(gaps=forged(PART.gaps)).write(tmp_path)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not of the checkpoint"),
        (b'{"size": 22, "gaps": [\n]}\n', "not of the checkpoint of 23 events"),
        (b'{"size": 1e9, "gaps": [\n]}\n', "not of the checkpoint"),
        (b'{"size": 23, "gaps": [\n', "another form"),
        (b'{"size": 23, "gaps": [\n]}\n{}', "another form"),
        (b'{"size": 23, "gaps": [' + b"[" * 5_000_000, "not of the checkpoint"),
        (b'{"size": 23, "gaps": [\n' + b"[" * 5_000_000, "another form"),
        (b"\xff\xfe\x00" * 100, "not of the checkpoint"),
        (json.dumps({"size": 23, "gaps": PART.gaps}).encode(), "not of the checkpoint"),
    ],
)
def test_other_forms_of_proofs_are_refused(tmp_path, content, reason):
    file = PART.write(tmp_path)
    Path(f"{file}.proofs.json").write_bytes(content)
    assert re.search(reason, refused(file))


def test_a_row_hidden_behind_its_hash_makes_a_part_of_the_whole(tmp_path):
    """Nothing is wrong with such an export; but it no longer passes for the whole log."""
    kept = [index for index in range(23) if index != 7]
    said = verify.verify(LOG.export(kept).write(tmp_path))
    assert "That none is missing from this part is not shown" in said
    assert "whole log" not in said


def test_rows_of_another_place_cannot_stand_in_a_gap(tmp_path):
    """Rows 4 and 5 of this log, said to be 6 and 7, beside gaps for where they are said not to be."""
    forged = LOG.export([6, 7]).copy()
    forged.rows = [LOG.rows[4] | {"index": 6}, LOG.rows[5] | {"index": 7}]
    assert "do not come to the root" in refused(forged.write(tmp_path))


def test_a_tree_of_another_shape_with_the_same_root_is_refused(tmp_path):
    """Three events are H(H(0, 1), 2). Subtrees of one and of two, in this order, come to it too, at other places."""
    log = Log.of(3)
    forged = log.export([]).copy(gaps=[(0, 1, log.node(1, 0).hex()), (1, 2, log.node(0, 2).hex())])
    assert "the gap from index 1 in FILE.proofs.json does not fit" in refused(forged.write(tmp_path))


@settings(deadline=None)
@given(size=st.integers(1, 70), data=st.data())
def test_every_part_of_every_log_comes_to_its_root(tmp_path_factory, size, data):
    kept = data.draw(st.sets(st.integers(0, size - 1)))
    cuts = data.draw(st.sets(st.integers(0, size), max_size=3))
    folder = tmp_path_factory.mktemp("export")
    log = Log.of(size)
    file = log.export(kept, cuts=cuts).write(folder)
    assert f"{len(kept)} are sealed" in verify.verify(file)
    for cut in cuts if kept else ():
        note = folder / "kept"
        note.write_text(log.note(cut))
        assert verify.run(file, None, note)[0] == 0


@settings(deadline=None)
@given(at=st.integers(0), value=st.integers(0, 255), form=st.sampled_from(FORMS), part=st.booleans())
def test_no_byte_of_a_sealed_row_can_change(tmp_path_factory, at, value, form, part):
    """Only `summary`, and how the file is written, may differ in a file that passes."""
    made = PART if part else WHOLE
    file = made.write(tmp_path_factory.mktemp("export"), form)
    content = bytearray(file.read_bytes())
    content[at % len(content)] = value
    file.write_bytes(content)
    status, said = verify.run(file)
    assert said.isascii()
    if status == 0:
        read = [
            {"index": index, **dict(zip(verify.HEADER[1:], cells, strict=True))}
            for index, cells in verify.read_rows(file)
        ]
        assert [one | {"summary": ""} for one in read] == [one | {"summary": ""} for one in made.rows]


# --- the checkpoint that it was made at -------------------------------------------------------------------------------


def test_without_its_checkpoint_a_sealed_row_proves_nothing(tmp_path):
    said = refused(WHOLE.copy(note=None).write(tmp_path))
    assert "row 1 (index 0, the header not counted): it claims to be sealed, but there is no checkpoint" in said


@SCOPES
def test_a_checkpoint_of_another_log_or_size_does_not_fit(tmp_path, made):
    other = Log([row() for _ in range(23)])
    assert "do not come to the root of the checkpoint" in refused(made.copy(note=other.note()).write(tmp_path))
    longer = Log([*LOG.rows, row()])
    said = refused(WHOLE.copy(note=longer.note()).write(tmp_path))
    assert "its rows end before index 23, the checkpoint is of 24 events" in said
    assert "it cannot be told which row" in said
    said = refused(WHOLE.copy(note=LOG.note(20)).write(tmp_path))
    assert "row 21 (index 20, the header not counted): it is beyond the 20 events of the checkpoint" in said
    assert "is not of the checkpoint of 20 events" in refused(PART.copy(note=LOG.note(20)).write(tmp_path))


def test_an_export_of_nothing_but_gaps_says_that_nothing_is_sealed_in_it(tmp_path):
    assert verify.verify(LOG.export([]).write(tmp_path)).startswith("0 rows: each is intact in itself; 0 are sealed")


def test_sealed_rows_left_out_of_the_whole_log_are_missed_though_the_tail_is_there(tmp_path):
    stripped = LOG.export(tail=[row()])
    stripped.rows = stripped.rows[-1:]
    assert "its rows end before index 0, the checkpoint is of 23 events" in refused(stripped.write(tmp_path))


def test_a_changed_summary_is_not_noticed(tmp_path):
    """`summary` is outside of what is hashed, as the verifier's own page says."""
    changed = WHOLE.copy()
    changed.rows[3]["summary"] = "Nothing happened."
    assert verify.verify(changed.write(tmp_path))
