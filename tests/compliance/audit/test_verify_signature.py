"""verify.py and who signed: checkpoints, keys, and an earlier checkpoint that was kept elsewhere."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from compliance.audit import signing, verify

from .forge import FORMS, Export, Log, a_signer, as_csv, as_jsonl, public, row

LOG = Log.of(21)
OTHER = a_signer(2)
ANOTHER_LOG = a_signer(1, "erasure-desk/ffff")
IN_FORMS = pytest.mark.parametrize("form", FORMS)


class Desk:
    """A folder with an export, as an auditor has it, beside a key and a checkpoint from elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, made: Export, keys: str | None = None, earlier: str | None = None, form=as_csv) -> tuple[int, str]:
        given = []
        for name, text in (("key", keys), ("earlier", earlier)):
            given.append(None if text is None else self.folder / name)
            if text is not None:
                given[-1].write_text(text, encoding="utf-8", newline="")
        return verify.run(made.write(self.folder, form), *given)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def _signed(text: str, *signers) -> str:
    return text + "\n" + "".join(one.line(text.encode()) for one in signers)


def _body(note: str) -> str:
    return note.rpartition("\n\n")[0] + "\n"


# --- the signature ----------------------------------------------------------------------------------------------------


@IN_FORMS
@pytest.mark.parametrize("kept", [None, [2, 3, 20]])
def test_a_signature_by_the_given_key_is_told(desk, form, kept):
    key_id = signing.key_hash(a_signer().name, signing.public_bytes(a_signer().private)).hex()
    status, said = desk.run(LOG.export(kept), public(a_signer()), form=form)
    assert (status, f"The checkpoint is signed with the key {key_id}." in said) == (0, True)
    assert "Without an earlier --checkpoint, a log that was rewritten and signed anew would look the same." in said


@pytest.mark.parametrize(
    "keys",
    [
        public(OTHER, a_signer()),
        "\n\n" + public(a_signer()) + "\n",
        public(a_signer()).rstrip("\n"),
        "\ufeff" + public(OTHER, a_signer()).replace("\n", "\r\n"),  # as an editor on Windows saves it
    ],
)
def test_one_of_several_keys_suffices(desk, keys):
    assert desk.run(LOG.export(), keys)[0] == 0


@pytest.mark.parametrize("keys", [public(OTHER), public(ANOTHER_LOG), public(OTHER, ANOTHER_LOG)])
def test_a_checkpoint_that_none_of_the_keys_signed_is_refused(desk, keys):
    status, said = desk.run(LOG.export(), keys)
    assert (status, "FILE.checkpoint: it is of another log, or signed with none of the given keys" in said) == (1, True)


def test_a_checkpoint_of_another_log_is_not_made_ours_by_our_key_signing_it(desk):
    made = LOG.export()
    note = _signed(_body(made.note).replace("erasure-desk/00ff", "erasure-desk/other"), a_signer())
    status, said = desk.run(made.copy(note=note), public(a_signer()))
    assert (status, "it is of another log" in said) == (1, True)


def test_after_a_rotation_the_old_key_and_the_new_one_both_do(desk):
    """One checkpoint bears both signatures; one from before only the old key's, one from after only the new one's."""
    before, new = Log(LOG.rows[:10]), Log(LOG.rows)
    both = Log(LOG.rows[:15])
    both.signers, new.signers = [OTHER, a_signer()], [OTHER]
    old_key, new_key, all_keys = public(a_signer()), public(OTHER), public(a_signer(), OTHER)
    expected = {
        (before, old_key): 0,
        (before, new_key): 1,
        (before, all_keys): 0,
        (both, old_key): 0,
        (both, new_key): 0,
        (both, all_keys): 0,
        (new, old_key): 1,
        (new, new_key): 0,
        (new, all_keys): 0,
    }
    assert {(log, keys): desk.run(log.export(), keys)[0] for log, keys in expected} == expected
    assert desk.run(new.export(), all_keys, before.note())[0] == 0
    status, said = desk.run(new.export(), new_key, before.note())
    assert (status, "the earlier checkpoint: it is of another log, or signed with none of" in said) == (1, True)
    assert desk.run(new.export(), new_key, both.note())[0] == 0


def test_a_signature_in_the_name_of_a_known_key_must_be_by_it(desk):
    made = LOG.export()
    body = _body(made.note)
    good = a_signer().line(body.encode())
    for at in (10, 40, 63):  # in R, and in S
        name, text = good.rsplit(" ", 1)
        data = bytearray(base64.b64decode(text))
        data[4 + at] ^= 1
        broken = f"{name} {base64.b64encode(data).decode()}\n"
        status, said = desk.run(made.copy(note=f"{body}\n{broken}"), public(a_signer()))
        assert (status, "is not, or the text was changed" in said) == (1, True)
        assert desk.run(made.copy(note=f"{body}\n{broken}{good}"), public(a_signer()))[0] == 1
        assert desk.run(made.copy(note=f"{body}\n{good}{broken}"), public(a_signer()))[0] == 1


def test_signatures_by_strangers_say_nothing(desk):
    """Such as a witness's, of another kind and length (c2sp.org/tlog-cosignature)."""
    made = LOG.export()
    body = _body(made.note)
    strange = f"— witness.example {base64.b64encode(b'1234' + bytes(72)).decode()}\n"
    unreadable = f"— erasure-desk/00ff {base64.b64encode(b'abcd' + bytes(2420)).decode()}\n"
    assert desk.run(made.copy(note=f"{body}\n{strange}"), public(a_signer()))[0] == 1
    good = a_signer().line(body.encode())
    status, said = desk.run(made.copy(note=f"{body}\n{strange}{good}{unreadable}"), public(a_signer()))
    assert (status, said.count("is signed with the key")) == (0, 1)


@pytest.mark.parametrize("old, new", [("\n21\n", "\n20\n"), ("\n21\n", "\n22\n"), ("\n\n", "\nmore\n\n")])
def test_what_was_signed_cannot_be_changed(desk, old, new):
    made = LOG.export()
    status, said = desk.run(made.copy(note=made.note.replace(old, new, 1)), public(a_signer()))
    assert (status, "is not, or the text was changed" in said) == (1, True)


def test_a_checkpoint_may_have_lines_that_we_do_not_know(desk):
    made = LOG.export()
    note = _signed(_body(made.note) + "extension of somebody\n", a_signer())
    assert desk.run(made.copy(note=note), public(a_signer()))[0] == 0


ROOT = base64.b64encode(LOG.root(21)).decode()
SIGNATURE = a_signer().line(b"")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        LOG.note()[:-1],
        LOG.note() + SIGNATURE[:-1],
        LOG.note() + "\n",
        LOG.note() + "more\n",
        LOG.note().replace("\n", "\r\n"),
        LOG.note().replace("\n\n", "\n"),
        f"a\n21\n{ROOT}\n\n",
        f"a\n21\n{ROOT}\n\n{SIGNATURE}".replace("—", "-"),
        f"a\n21\n{ROOT}\n\n{SIGNATURE}".replace("— ", "—"),
        f"a\n21\n\n{SIGNATURE}",
        f"\n21\n{ROOT}\n\n{SIGNATURE}",
        f"a\n21\n{ROOT}\n\nmore\n\n{SIGNATURE}",
        f"a\x1b[2J\n21\n{ROOT}\n\n{SIGNATURE}",
        f"a\t\n21\n{ROOT}\n\n{SIGNATURE}",
        f"a\n021\n{ROOT}\n\n{SIGNATURE}",
        f"a\n-1\n{ROOT}\n\n{SIGNATURE}",
        f"a\n٢١\n{ROOT}\n\n{SIGNATURE}",
        f"a\n{'9' * 5000}\n{ROOT}\n\n{SIGNATURE}",
        f"a\n21 \n{ROOT}\n\n{SIGNATURE}",
        f"a\n21\n{ROOT[:-1]}\n\n{SIGNATURE}",
        f"a\n21\n{ROOT[:-4]}\n\n{SIGNATURE}",
        f"a\n21\n{ROOT[:-2]}{chr(ord(ROOT[-2]) + 1)}=\n\n{SIGNATURE}",  # bits that no byte holds
        f"a\n21\n{ROOT}====\n\n{SIGNATURE}",
        f"a\n21\nré{ROOT[3:]}\n\n{SIGNATURE}",
        f"a\n21\n{LOG.root(21).hex()}\n\n{SIGNATURE}",
        f"a\n21\n{ROOT}\n\n— a b c\n",
        f"a\n21\n{ROOT}\n\n— a+b YWJjZGVm\n",
        f"a\n21\n{ROOT}\n\n— a\u2003b YWJjZGVm\n",
        f"a\n21\n{ROOT}\n\n— a YWJj\n",
        f"a\n21\n{ROOT}\n\n— a\n",
        f"a\n21\n{ROOT}\n\n{SIGNATURE * 33}",
        "x" * 200_000,
    ],
)
def test_what_is_no_checkpoint_is_refused(desk, note):
    status, said = desk.run(LOG.export().copy(note=note))
    assert (status, "FILE.checkpoint: " in said, said.isascii(), len(said) < 500) == (1, True, True, True)
    status, said = desk.run(LOG.export(), None, note)
    assert (status, said.startswith(f"{desk.folder / 'earlier'}: ")) == (2, True)


def test_a_checkpoint_in_another_encoding_is_refused(desk):
    file = LOG.export().write(desk.folder)
    Path(f"{file}.checkpoint").write_bytes(LOG.note().encode("utf-16"))
    assert verify.run(file) == (1, f"{file}: FILE.checkpoint: it is not text in UTF-8")


KEY = public(a_signer()).rstrip()
NAME, KEY_ID, KEY_DATA = KEY.split("+", 2)


def _key(data: bytes) -> str:
    """A verifier key whose hash fits, whatever it holds."""
    hashed = hashlib.sha256(NAME.encode() + b"\n" + data).hexdigest()[:8]
    return f"{NAME}+{hashed}+{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    "keys",
    [
        "",
        "\n \n",
        "# my key\n" + KEY,
        f"{NAME}+{KEY_ID}",
        f"{NAME}+{KEY_ID}+",
        f"{NAME}+{KEY_ID}+====",
        f"{NAME}+{KEY_ID.upper()}+{KEY_DATA}",
        f"{NAME}x+{KEY_ID}+{KEY_DATA}",
        f"{NAME}+00000000+{KEY_DATA}",
        f"{NAME} {KEY_ID} {KEY_DATA}",
        f"+{KEY_ID}+{KEY_DATA}",
        f"{NAME}+{KEY_ID}+{KEY_DATA[:-4]}",
        f"{NAME}+{KEY_ID}+é{KEY_DATA[1:]}",
        _key(b"\x02" + base64.b64decode(KEY_DATA)[1:]),
        _key(base64.b64decode(KEY_DATA) + b"\0"),
        _key(base64.b64decode(KEY_DATA)[:-1]),
        f"{KEY}\n\x1b[2J",
        "x" * 200_000,
    ],
)
def test_what_is_no_key_is_refused(desk, keys):
    status, said = desk.run(LOG.export(), keys)
    assert (status, said.startswith(f"{desk.folder / 'key'}: "), said.isascii()) == (2, True, True)


def _is_point(data: bytes) -> bool:
    try:
        return bool(verify.decode_point(data))
    except ValueError:
        return False


NO_POINT = next(one for one in range(2, 99) if not _is_point(one.to_bytes(32, "little"))).to_bytes(32, "little")
IDENTITY = (1).to_bytes(32, "little")  # any signature by it, over anything, would hold


@pytest.mark.parametrize("key", [NO_POINT, IDENTITY])
def test_a_key_that_none_can_sign_with_or_everybody_is_refused(desk, key):
    status, said = desk.run(LOG.export(), _key(b"\x01" + key))
    assert (status, "is not one for Ed25519" in said) == (2, True)


# --- an earlier checkpoint, kept elsewhere ----------------------------------------------------------------------------


@IN_FORMS
@pytest.mark.parametrize("size", [0, 1, 8, 13, 20, 21])
def test_the_log_continues_every_earlier_checkpoint_of_it(desk, size, form):
    status, said = desk.run(LOG.export(), public(a_signer()), LOG.note(size), form)
    assert (status, f"The log begins with the {size} events of the earlier checkpoint." in said) == (0, True)
    assert ("would look the same" in said) == (size == 0), "a log of nothing says nothing of a rewritten one"


@pytest.mark.parametrize("keys", [None, public(a_signer())])
@IN_FORMS
def test_a_log_rewritten_as_a_whole_is_caught_by_an_earlier_checkpoint_and_only_by_it(desk, keys, form):
    """The thief has the signing key and the database: every row, hash, proof and signature is made anew and fits."""
    anchored = LOG.note(13)
    rewritten = Log([*LOG.rows[:7], row(event={"details": {"number": 99}}), *LOG.rows[8:]])
    for kept in (None, [6, 8, 20]):
        made = rewritten.export(kept, cuts=[13])
        status, said = desk.run(made, keys, form=form)
        assert (status, "would look the same" in said) == (0, True)
        status, said = desk.run(made, keys, anchored, form)
        assert status == 1
        assert re.search("the log was rewritten: its first 13 events are not those of the earlier checkpoint", said)
    assert desk.run(rewritten.export(), keys, LOG.note(7), form)[0] == 0  # what was before the change is as it was
    assert desk.run(LOG.export(), keys, anchored, form)[0] == 0


def test_events_removed_from_the_end_are_caught_by_an_earlier_checkpoint_and_only_by_it(desk):
    cut = Log(LOG.rows[:15])
    assert desk.run(cut.export(), public(a_signer()))[0] == 0
    status, said = desk.run(cut.export(), public(a_signer()), LOG.note())
    assert (status, "it is of 21 events, FILE.checkpoint only of 15: " in said) == (1, True)


def test_two_checkpoints_of_one_size_must_be_one(desk):
    other = Log([*LOG.rows[:20], row()])
    status, said = desk.run(other.export(), public(a_signer()), LOG.note())
    assert (status, "the log was rewritten: its first 21 events" in said) == (1, True)


def test_an_earlier_checkpoint_of_another_log_proves_nothing(desk):
    other = Log(LOG.rows, ANOTHER_LOG)
    status, said = desk.run(LOG.export(), None, other.note(13))
    assert (status, "the earlier checkpoint: it is of another log, 'erasure-desk/ffff'" in said) == (1, True)


def test_an_earlier_checkpoint_must_be_signed_too(desk):
    forged = Log(LOG.rows)
    forged.signers = [OTHER]
    status, said = desk.run(LOG.export(), public(a_signer()), forged.note(13))
    assert (status, "the earlier checkpoint: it is of another log, or signed with none" in said) == (1, True)


@IN_FORMS
def test_a_part_shows_the_log_at_an_earlier_size_only_where_no_gap_lies_over_it(desk, form):
    kept = [2, 3, 20]
    assert desk.run(LOG.export(kept, cuts=[13]), public(a_signer()), LOG.note(13), form)[0] == 0
    assert desk.run(LOG.export(kept), public(a_signer()), LOG.note(8), form)[0] == 0
    status, said = desk.run(LOG.export(kept), public(a_signer()), LOG.note(13), form)
    assert (status, "it does not show the log at the 13 events of the earlier checkpoint" in said) == (1, True)
    assert "--consistent-with 13" in said


# --- nothing to prove -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [(public(a_signer()), None), (None, LOG.note(8)), (public(a_signer()), LOG.note(8))])
@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (LOG.export([], tail=[row()]), "none of its rows is sealed, so no key and no checkpoint proves anything"),
        (LOG.export([]), "none of its rows is sealed, so no key and no checkpoint proves anything of them"),
    ],
)
def test_a_key_or_checkpoint_that_proves_nothing_is_not_in_order(desk, made, reason, given):
    status, said = desk.run(made, *given)
    assert (status, reason in said) == (1, True)


@pytest.mark.parametrize("made", [Export([row()], None, None, 0, None), LOG.export().copy(note=None)])
def test_a_key_says_nothing_without_a_checkpoint(desk, made):
    status, said = desk.run(made, public(a_signer()))
    assert (status, "there is no FILE.checkpoint: nothing of it is signed" in said) == (1, True)


# --- a stream of the API: no file lies beside it ----------------------------------------------------------------------


def test_the_given_checkpoint_takes_the_place_of_one_that_does_not_lie_beside(desk):
    made = LOG.export()
    status, said = desk.run(made.copy(note=None), public(a_signer()), made.note)
    assert status == 0
    assert "the whole log" in said
    assert "is signed with the key" in said
    assert "by the one that was given" in said


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (LOG.export().copy(note=None), "row 9 (index 8, the header not counted): it is beyond the 8 events"),
        (LOG.export().copy(note=None, rows=LOG.export().rows[:6]), "its rows end before index 6"),
        (Export([row()], None, None, 0, None), "its rows end before index 0"),
    ],
)
def test_rows_that_are_not_the_log_of_the_given_checkpoint_are_not_in_order(desk, made, reason):
    status, said = desk.run(made, None, LOG.note(8))
    assert (status, reason in said) == (1, True), said


def test_a_part_in_json_lines_that_selects_nothing_is_in_order(desk):
    status, said = desk.run(LOG.export([]), None, None, as_jsonl)
    assert (status, said.startswith("0 rows")) == (0, True), said


def test_a_checkpoint_that_went_through_a_mail_program_is_told_as_that(desk):
    status, said = desk.run(LOG.export(), None, LOG.note(8).replace("\n", "\r\n"))
    assert (status, "its line ends were changed (CR LF)" in said) == (2, True)


def test_a_part_whose_proofs_are_missing_is_told_as_that(desk):
    status, said = desk.run(LOG.export([5, 6]).copy(gaps=None))
    assert (status, "If this is a part of the log, FILE.proofs.json is missing" in said) == (1, True)
