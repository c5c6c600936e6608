import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from compliance import clock
from compliance.vault.models import DataKey
from compliance.vault.seal import (
    Unreadable,
    destroy,
    fingerprint,
    keyed_digest,
    new_key,
    seal,
    seal_json,
    unseal,
    unseal_json,
)

# One key serves all examples of a test: only the sealing differs.
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
names = st.text(st.characters(codec="utf-8", exclude_characters="|"), min_size=1, max_size=20)
places = st.fixed_dictionaries({"table": names, "row": names | st.uuids(), "field": names})
PLACE = {"table": "erasure_identifier", "row": uuid.UUID(int=7), "field": "value"}


@many
@given(plain=st.binary() | st.text(st.characters(codec="utf-8")), place=places)
def test_what_was_sealed_opens_in_its_place(key, plain, place):
    opened = unseal(key, seal(key, plain, **place), **place)
    assert opened == (plain.encode() if isinstance(plain, str) else plain)


@many
@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_json_comes_back_as_it_was(key, value):
    assert unseal_json(key, seal_json(key, {"a": value}, **PLACE), **PLACE) == {"a": value}


@many
@given(here=places, there=places)
def test_a_value_moved_to_another_place_does_not_open(key, here, there):
    assume({name: str(part) for name, part in here.items()} != {name: str(part) for name, part in there.items()})
    sealed = seal(key, "secret", **here)
    with pytest.raises(Unreadable):
        unseal(key, sealed, **there)


@pytest.mark.parametrize(
    "moved", [{"table": "erasure_case"}, {"row": uuid.UUID(int=8)}, {"field": "note"}], ids=["table", "row", "field"]
)
def test_each_part_of_the_place_counts(key, moved):
    sealed = seal(key, "secret", **PLACE)
    with pytest.raises(Unreadable):
        unseal(key, sealed, **{**PLACE, **moved})


def test_another_key_does_not_open_it(key, other_key):
    with pytest.raises(Unreadable):
        unseal(other_key, seal(key, "secret", **PLACE), **PLACE)


@many
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_refused(key, data):
    sealed = bytearray(seal(key, "secret", **PLACE))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Unreadable):
        unseal(key, bytes(sealed), **PLACE)


@many
@given(data=st.data())
def test_a_cut_or_lengthened_value_is_refused(key, data):
    sealed = seal(key, "secret", **PLACE)
    wrong = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    with pytest.raises(Unreadable):
        unseal(key, wrong, **PLACE)
    with pytest.raises(Unreadable):
        unseal(key, sealed + data.draw(st.binary(min_size=1)), **PLACE)


def test_equal_values_do_not_look_equal(key):
    assert seal(key, "secret", **PLACE) != seal(key, "secret", **PLACE)


@pytest.mark.parametrize("wrong", [{"table": "a|b"}, {"row": "a|b"}, {"field": "a|b"}, {"row": ""}])
def test_a_place_that_could_pass_for_another_is_a_mistake_of_ours(key, wrong):
    with pytest.raises(ValueError, match="table, row and field"):
        seal(key, "secret", **{**PLACE, **wrong})


@pytest.mark.parametrize("use", [lambda key, text: seal(key, text, **PLACE), lambda key, text: fingerprint("e", text)])
def test_text_that_is_not_unicode_is_refused_without_being_quoted(key, use):
    with pytest.raises(ValueError, match="surrogate") as caught:
        use(key, "anna\ud800")
    assert not isinstance(caught.value, UnicodeError)
    assert "anna" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_saved_key_opens_after_being_read_back(key):
    sealed = seal(key, "secret", **PLACE)
    assert unseal(DataKey.objects.get(pk=key.pk), memoryview(sealed), **PLACE) == b"secret"


def test_a_wrapped_key_moved_to_another_row_does_not_open(key, other_key):
    sealed = seal(key, "secret", **PLACE)
    other_key.wrapped = key.wrapped
    with pytest.raises(Unreadable):
        unseal(other_key, sealed, **PLACE)


def test_a_destroyed_key_opens_and_seals_nothing_more(key, other_key):
    sealed, spared = seal(key, "secret", **PLACE), seal(other_key, "kept", **PLACE)
    assert unseal(key, sealed, **PLACE) == b"secret"
    destroy(key)
    for dead in (key, DataKey.objects.get(pk=key.pk)):
        assert bytes(dead.wrapped) == b""
        with pytest.raises(Unreadable, match="destroyed"):
            unseal(dead, sealed, **PLACE)
        with pytest.raises(Unreadable):
            seal(dead, "more", **PLACE)
        with pytest.raises(Unreadable):
            keyed_digest(dead, "plan", b"data")
    assert unseal(other_key, spared, **PLACE) == b"kept"


def test_a_key_destroyed_twice_keeps_its_first_date(key, monkeypatch):
    destroy(key)
    first = key.destroyed_at
    monkeypatch.setattr(clock, "now", lambda: first + timedelta(days=365))
    destroy(key)
    assert key.destroyed_at == first


def test_the_database_refuses_a_key_half_destroyed(key):
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.filter(pk=key.pk).update(destroyed_at=clock.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        DataKey.objects.filter(pk=key.pk).update(wrapped=b"")


def test_errors_hold_neither_the_value_nor_the_key(key, other_key):
    with pytest.raises(Unreadable) as caught:
        unseal(other_key, seal(key, "anna@example.org", **PLACE), **PLACE)
    assert "anna" not in repr(caught.value)
    assert "Nothing was erased" in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_fingerprint_is_the_same_for_the_same_kind_and_value_only(key):
    assert fingerprint("email", "a@example.org") == fingerprint("email", "a@example.org")
    others = {
        fingerprint("email", "a@example.org"),
        fingerprint("email", "b@example.org"),
        fingerprint("phone", "a@example.org"),
        fingerprint("emaila", "@example.org"),
    }
    assert len(others) == 4
    assert all(len(text) == 64 and set(text) <= set("0123456789abcdef") for text in others)


@many
@given(kind=names, value=st.text(st.characters(codec="utf-8")), cut=st.integers(1, 5))
def test_no_part_of_a_value_can_pass_for_its_kind(key, kind, value, cut):
    kind = kind.replace("\0", "")
    assume(len(kind) > cut)
    assert fingerprint(kind, value) != fingerprint(kind[:cut], kind[cut:] + value)
    assert fingerprint(kind, value) != fingerprint(kind[:cut], kind[cut:] + "\0" + value)


def test_a_kind_with_a_nul_is_refused(key):
    with pytest.raises(ValueError, match="NUL"):
        fingerprint("e\0", "a")


def test_a_keyed_digest_depends_on_key_purpose_and_data(key, other_key):
    digest = keyed_digest(key, "plan", b"data")
    assert digest == keyed_digest(DataKey.objects.get(pk=key.pk), "plan", b"data")
    others = {
        keyed_digest(other_key, "plan", b"data"),
        keyed_digest(key, "note", b"data"),
        keyed_digest(key, "plan", b"date"),
    }
    assert len(others | {digest}) == 4


def test_new_keys_differ_and_say_when_they_were_made(key, monkeypatch):
    then = clock.now().replace(year=2020)
    monkeypatch.setattr(clock, "now", lambda: then)
    made = new_key()
    assert made.created_at == then
    assert bytes(made.wrapped) != bytes(key.wrapped)
    assert str(made) == f"data key {made.pk}"
