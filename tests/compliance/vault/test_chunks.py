import hashlib
import io
import itertools
import os
import random
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.vault import chunks
from compliance.vault.chunks import CHUNK, HEADER, TAG, SealedWriter, open_sealed
from compliance.vault.seal import Unreadable, destroy

PLACE = {"table": "erasure_evidence", "row": "7", "field": "file"}
SMALL = 16
FRAME = SMALL + TAG
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
numbers = itertools.count()


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 16 bytes, so that a short example has many of them."""
    monkeypatch.setattr(chunks, "CHUNK", SMALL)


def sealed_file(folder, key, *parts, **place):
    path = folder / f"{next(numbers)}.sealed"
    with SealedWriter(path, key, **{**PLACE, **place}) as writer:
        for part in parts:
            writer.write(part)
        writer.finish()
    return path


def read(path, key, **place):
    with open_sealed(path, key, **{**PLACE, **place}) as plain:
        return plain.read()


def frames(path):
    """The header and the sealed chunks of a file of small chunks."""
    data = path.read_bytes()
    return data[:HEADER], [data[start : start + FRAME] for start in range(HEADER, len(data), FRAME)]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
def test_a_file_of_any_size_comes_back(key, tmp_path, size):
    plain = random.Random(size).randbytes(size)
    path = tmp_path / "f"
    with SealedWriter(path, key, **PLACE) as writer:
        assert writer.write(plain) == size
        assert writer.finish() == (size, hashlib.sha256(plain).hexdigest())
    assert read(path, key) == plain
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == HEADER + size + TAG * max(1, -(-size // CHUNK))


@many
@given(parts=st.lists(st.binary(max_size=100), max_size=8))
def test_it_does_not_matter_how_the_bytes_were_handed_over(key, tmp_path, small_chunks, parts):
    plain = b"".join(parts)
    path = sealed_file(tmp_path, key, *parts)
    assert read(path, key) == plain
    assert path.stat().st_size == HEADER + len(plain) + TAG * max(1, -(-len(plain) // SMALL))


moves = st.tuples(st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END]), st.integers(-120, 120))


@many
@given(plain=st.binary(max_size=100), steps=st.lists(st.tuples(moves, st.integers(-1, 60)), max_size=12))
def test_seeking_and_reading_are_as_in_a_plain_file(key, tmp_path, small_chunks, plain, steps):
    model = io.BytesIO(plain)
    with open_sealed(sealed_file(tmp_path, key, plain), key, **PLACE) as sealed:
        for (whence, offset), count in steps:
            base = {os.SEEK_SET: 0, os.SEEK_CUR: model.tell(), os.SEEK_END: len(plain)}[whence]
            assert sealed.seek(max(0, base + offset)) == model.seek(max(0, base + offset))
            assert sealed.read(count) == model.read(count)
            assert sealed.tell() == model.tell()


def test_seeking_counts_from_the_start_the_place_and_the_end(key, tmp_path, small_chunks):
    with open_sealed(sealed_file(tmp_path, key, bytes(range(50))), key, **PLACE) as sealed:
        assert (sealed.seek(-3, os.SEEK_END), sealed.read()) == (47, bytes([47, 48, 49]))
        assert (sealed.seek(-20, os.SEEK_CUR), sealed.read(2)) == (30, bytes([30, 31]))
        with pytest.raises((ValueError, OSError)):
            sealed.seek(-51, os.SEEK_END)


@many
@given(data=st.data(), size=st.integers(0, 60))
def test_a_flipped_bit_anywhere_is_refused(key, tmp_path, small_chunks, data, size):
    path = sealed_file(tmp_path, key, bytes(size))
    changed = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(changed) - 1))
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(changed)
    with pytest.raises(Unreadable):
        read(path, key)


@many
@given(data=st.data(), size=st.integers(0, 60))
def test_a_cut_file_does_not_open(key, tmp_path, small_chunks, data, size):
    path = sealed_file(tmp_path, key, bytes(size))
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(Unreadable):
        open_sealed(path, key, **PLACE)


@pytest.mark.parametrize("kept", range(4))
def test_a_file_cut_between_two_chunks_does_not_open(key, tmp_path, small_chunks, kept):
    path = sealed_file(tmp_path, key, bytes(4 * SMALL))
    header, parts = frames(path)
    path.write_bytes(header + b"".join(parts[:kept]))
    with pytest.raises(Unreadable):
        open_sealed(path, key, **PLACE)


@many
@given(size=st.integers(0, 60), more=st.binary(min_size=1, max_size=50))
def test_a_file_added_to_does_not_open(key, tmp_path, small_chunks, size, more):
    path = sealed_file(tmp_path, key, bytes(size))
    path.write_bytes(path.read_bytes() + more)
    with pytest.raises(Unreadable):
        open_sealed(path, key, **PLACE)


@pytest.mark.parametrize("repeated", range(4))
def test_a_file_with_one_of_its_own_chunks_added_does_not_open(key, tmp_path, small_chunks, repeated):
    path = sealed_file(tmp_path, key, bytes(4 * SMALL))
    header, parts = frames(path)
    path.write_bytes(header + b"".join([*parts, parts[repeated]]))
    with pytest.raises(Unreadable):
        open_sealed(path, key, **PLACE)


@pytest.mark.parametrize("order", [order for order in itertools.permutations(range(3)) if order != (0, 1, 2)])
def test_chunks_in_another_order_are_refused(key, tmp_path, small_chunks, order):
    path = sealed_file(tmp_path, key, bytes(3 * SMALL))
    header, parts = frames(path)
    path.write_bytes(header + b"".join(parts[number] for number in order))
    with pytest.raises(Unreadable):
        read(path, key)


@pytest.mark.parametrize("dropped", range(3))
def test_a_missing_chunk_is_refused(key, tmp_path, small_chunks, dropped):
    path = sealed_file(tmp_path, key, bytes(3 * SMALL))
    header, parts = frames(path)
    path.write_bytes(header + b"".join(part for number, part in enumerate(parts) if number != dropped))
    with pytest.raises(Unreadable):
        read(path, key)


@pytest.mark.parametrize("spliced", range(3))
def test_a_chunk_of_another_file_of_the_same_place_is_refused(key, tmp_path, small_chunks, spliced):
    path, other = (sealed_file(tmp_path, key, bytes(3 * SMALL)) for _ in range(2))
    header, parts = frames(path)
    parts[spliced] = frames(other)[1][spliced]
    path.write_bytes(header + b"".join(parts))
    with pytest.raises(Unreadable):
        read(path, key)


def test_a_header_of_another_file_is_refused(key, tmp_path, small_chunks):
    path, other = (sealed_file(tmp_path, key, bytes(3 * SMALL)) for _ in range(2))
    path.write_bytes(frames(other)[0] + b"".join(frames(path)[1]))
    with pytest.raises(Unreadable):
        open_sealed(path, key, **PLACE)


@pytest.mark.parametrize("moved", [{"table": "erasure_note"}, {"row": "8"}, {"field": "other"}], ids=lambda x: str(*x))
def test_a_file_moved_to_another_place_does_not_open(key, tmp_path, moved):
    path = sealed_file(tmp_path, key, b"secret")
    with pytest.raises(Unreadable):
        open_sealed(path, key, **{**PLACE, **moved})


def test_another_key_or_a_destroyed_one_does_not_open_it(key, other_key, tmp_path):
    path = sealed_file(tmp_path, key, b"secret")
    with pytest.raises(Unreadable):
        open_sealed(path, other_key, **PLACE)
    destroy(key)
    with pytest.raises(Unreadable, match="destroyed"):
        open_sealed(path, key, **PLACE)


def test_a_destroyed_key_leaves_no_file_behind(key, tmp_path):
    destroy(key)
    with pytest.raises(Unreadable):
        SealedWriter(tmp_path / "f", key, **PLACE)
    assert not (tmp_path / "f").exists()


def test_chunks_before_a_damaged_one_can_still_be_read(key, tmp_path, small_chunks):
    path = sealed_file(tmp_path, key, bytes(range(64)))
    header, parts = frames(path)
    path.write_bytes(header + b"".join([parts[0], bytes(FRAME), *parts[2:]]))
    with open_sealed(path, key, **PLACE) as plain:
        assert plain.read(SMALL) == bytes(range(16))
        with pytest.raises(Unreadable):
            plain.read(1)


def test_a_zip_file_can_be_read_and_listed_in_place(key, tmp_path):
    big = random.Random(1).randbytes(5 * CHUNK + 7)
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("events.jsonl", '{"event": 1}\n' * 1000)
        archive.writestr("big.bin", big)
    path = sealed_file(tmp_path, key, plain.getvalue())
    with open_sealed(path, key, **PLACE) as sealed, zipfile.ZipFile(sealed) as archive:
        assert archive.namelist() == ["events.jsonl", "big.bin"]
        assert archive.testzip() is None
        assert archive.read("big.bin") == big
        with archive.open("events.jsonl") as events:
            assert events.readline() == b'{"event": 1}\n'


def test_no_plaintext_is_in_the_file(key, tmp_path):
    path = sealed_file(tmp_path, key, b"anna@example.org " * 10_000)
    assert b"anna" not in path.read_bytes()


def test_equal_files_do_not_look_equal(key, tmp_path, small_chunks):
    one, two = (frames(sealed_file(tmp_path, key, bytes(50)))[1] for _ in range(2))
    assert not set(one) & set(two)


@pytest.mark.parametrize("fails", [True, False], ids=["after an error", "forgotten"])
def test_a_file_that_was_not_finished_is_removed(key, tmp_path, fails):
    path = tmp_path / "f"

    def leave_without_finishing():
        with SealedWriter(path, key, **PLACE) as writer:
            writer.write(bytes(3 * CHUNK))
            if fails:
                raise ConnectionResetError

    if fails:
        with pytest.raises(ConnectionResetError):
            leave_without_finishing()
    else:
        leave_without_finishing()
    assert list(tmp_path.glob("f*")) == []


def test_what_a_crash_left_half_written_does_not_open(key, tmp_path):
    path = tmp_path / "f"
    writer = SealedWriter(path, key, **PLACE)
    writer.write(bytes(3 * CHUNK))
    writer._file.flush()
    with pytest.raises(Unreadable):
        open_sealed(path, key, **PLACE)
    writer._file.close()


def test_an_existing_file_is_never_written_over(key, tmp_path):
    path = sealed_file(tmp_path, key, b"first")
    with pytest.raises(FileExistsError):
        SealedWriter(path, key, **PLACE)
    assert read(path, key) == b"first"


def test_nothing_can_be_written_after_the_end(key, tmp_path):
    with SealedWriter(tmp_path / "f", key, **PLACE) as writer:
        writer.finish()
        with pytest.raises(ValueError, match="finished"):
            writer.write(b"more")
        with pytest.raises(ValueError, match="finished"):
            writer.finish()
    assert read(tmp_path / "f", key) == b""


def test_a_file_that_is_already_open_can_be_sealed_into(key, tmp_path):
    target = io.BytesIO()
    with SealedWriter(target, key, **PLACE) as writer:
        writer.write(b"secret")
        assert writer.finish() == (6, hashlib.sha256(b"secret").hexdigest())
    (tmp_path / "f").write_bytes(target.getvalue())
    assert read(tmp_path / "f", key) == b"secret"


def test_closing_the_reader_closes_the_file(key, tmp_path):
    sealed = open_sealed(sealed_file(tmp_path, key, b"secret"), key, **PLACE)
    file = sealed.raw._file
    sealed.close()
    assert file.closed


def test_a_missing_file_is_an_ordinary_file_error(key, tmp_path):
    with pytest.raises(FileNotFoundError):
        open_sealed(tmp_path / "none", key, **PLACE)
