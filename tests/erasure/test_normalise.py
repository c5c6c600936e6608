"""Identifiers as people type them: what is kept and sent, what is matched, what is refused, what is shown."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasure.normalise import KNOWN_KINDS, MAX_LENGTH, check_kind, clean_text, mask, normalise

UUID = "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"
FREE_KINDS = ("customer_id", "cookie_id", "x1_id", "device_id", "loyalty_card")


def match(kind, value, **given):
    return normalise(kind, value, **given).match


def refusal(kind, value, **given):
    with pytest.raises(ValueError) as refused:
        normalise(kind, value, **given)
    return str(refused.value)


# --- e-mail


def test_an_email_address_keeps_its_case_and_is_matched_without():
    normal = normalise("email", "  Ada.Lovelace@Example.ORG ")

    assert normal.value == "Ada.Lovelace@Example.ORG"
    assert normal.match == match("email", "ada.lovelace@example.org")


def test_an_email_address_matches_in_every_unicode_form_and_its_domain_in_punycode():
    composed = "jürgen@bücher.example"

    assert match("email", unicodedata.normalize("NFD", composed)) == match("email", composed)
    assert match("email", "jürgen@xn--bcher-kva.example") == match("email", composed)
    assert match("email", "JÜRGEN@BÜCHER.example") == match("email", composed)


def test_two_mailboxes_are_two_people():
    assert match("email", "ada@example.org") != match("email", "ad.a@example.org")
    assert match("email", "ada@example.org") != match("email", "ada+shop@example.org")


@pytest.mark.parametrize(
    "value", ["ada", "ada@", "@example.org", "a@b@example.org", "Ada <ada@example.org>", "a b@c.de"]
)
def test_what_is_no_email_address_is_refused_without_repeating_it(value):
    assert "ada" not in refusal("email", value)


# --- phone


@pytest.mark.parametrize(
    ("value", "country", "e164"),
    [
        ("+49 30 123456", "", "+4930123456"),
        ("030 123456", "DE", "+4930123456"),
        ("0049 (0)30-123456", "DE", "+4930123456"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("(202) 555-0143", "US", "+12025550143"),
        ("+1 202 555 0143", "DE", "+12025550143"),  # its own country code counts
    ],
)
def test_a_phone_number_becomes_e164(value, country, e164):
    normal = normalise("phone", value, country=country)

    assert (normal.value, normal.match) == (e164, e164)


@pytest.mark.parametrize(
    ("value", "country"), [("030 123456", ""), ("030 123456", "XX"), ("1", "DE"), ("call me", "DE")]
)
def test_a_phone_number_that_cannot_be_placed_is_refused_and_says_how_to_write_it(value, country):
    assert "+49 30" in refusal("phone", value, country=country)


# --- UUIDs and keys


def test_a_visitor_id_is_kept_as_it_is_and_matched_in_any_spelling():
    for spelling in (UUID, UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}"):
        normal = normalise("visitor_id", spelling)

        assert normal.value == spelling
        assert normal.match == match("visitor_id", UUID)


def test_a_customer_key_is_64_hexadecimal_digits_in_lower_case():
    assert normalise("customer_key", "AB" * 32).value == "ab" * 32


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("visitor_id", UUID[:-1]),
        ("visitor_id", "ada@example.org"),
        ("visitor_id", UUID.replace("3", "g")),
        ("customer_key", "ab" * 31),
        ("customer_key", "ab" * 33),
        ("customer_key", "xy" * 32),
        ("customer_key", "٣" * 64),  # digits, though not ours
    ],
)
def test_what_is_no_uuid_or_no_key_is_refused(kind, value):
    assert refusal(kind, value)


# --- free ids


@pytest.mark.parametrize("kind", FREE_KINDS)
def test_a_free_id_stays_exactly_as_it_is(kind):
    for value in ("C-1001", "c-1001", "00042", "Ω/€ 7", "a" * MAX_LENGTH):
        assert normalise(kind, value).value == normalise(kind, value).match == value
    assert match(kind, "C-1001") != match(kind, "c-1001")


@pytest.mark.parametrize("kind", FREE_KINDS)
@pytest.mark.parametrize("value", [" C-1001", "C-1001 ", "\u00a0C-1001"])
def test_a_space_around_a_free_id_is_refused_and_never_taken_away_unseen(kind, value):
    assert "begins or ends with a space" in refusal(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"), [("phone", "+4930123456"), ("visitor_id", UUID), ("customer_key", "ab" * 32)]
)
def test_a_space_around_what_has_a_form_of_its_own_is_taken_away(kind, value):
    assert normalise(kind, f" {value} ") == normalise(kind, value)


@pytest.mark.parametrize(
    "value", ["=1+1", "+C1", "-17", "@home", '=HYPERLINK("http://x.example","y")', "＝1", "a,b;'\"c"]
)
def test_what_a_spreadsheet_takes_for_a_formula_is_a_legal_id(value):
    assert normalise("customer_id", value).value == value


# --- what no kind takes


@pytest.mark.parametrize("kind", (*KNOWN_KINDS, "loyalty_card"))
@pytest.mark.parametrize(
    "bad",
    ["\n", "\r", "\t", "\x00", "\x7f", "\x85", "\u2028", "\u2029", "\u200b", "\u202e", "\ufeff", "\u00ad", "\ud800"],
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_a_control_character_is_refused_wherever_it_stands(kind, bad):
    for value in (f"{bad}C1", f"C{bad}1", f"C1{bad}"):
        assert "control character" in refusal(kind, value)


@pytest.mark.parametrize("kind", KNOWN_KINDS)
def test_nothing_and_too_much_are_refused(kind):
    assert refusal(kind, "") == refusal(kind, "  \u00a0 ") == "It is empty."
    assert str(MAX_LENGTH) in refusal(kind, "a" * (MAX_LENGTH + 1))


@given(st.sampled_from([*KNOWN_KINDS, "loyalty_card"]), st.text(max_size=80), st.sampled_from(["", "DE", "US"]))
def test_any_text_is_either_normal_for_good_or_refused_with_a_sentence(kind, text, country):
    try:
        normal = normalise(kind, text, country=country)
    except ValueError as refused:
        assert str(refused).endswith(".")
    else:
        assert normal.match
        assert normalise(kind, normal.value, country=country) == normal


def test_a_normal_form_never_shows_itself_in_a_log():
    assert "ada" not in repr(normalise("email", "ada@example.org"))


def test_a_phone_number_with_an_extension_is_refused_rather_than_cut():
    with pytest.raises(ValueError, match="extension"):
        normalise("phone", "+49 30 123456 ext. 5")


# --- kinds and free text


@pytest.mark.parametrize("kind", ["email", "x1_id", "k" * 40])
def test_a_kind_is_a_lower_case_word(kind):
    check_kind(kind)


@pytest.mark.parametrize("kind", ["", "Email", "1st", "_id", "e-mail", "é", "k" * 41, "email\n", "a b"])
def test_anything_else_is_no_kind(kind):
    with pytest.raises(ValueError, match="lower-case word"):
        check_kind(kind)


def test_free_text_keeps_its_lines_only_where_lines_are_wanted():
    assert clean_text(" two\nlines\t", max_length=20, lines=True) == "two\nlines"
    with pytest.raises(ValueError, match="control character"):
        clean_text("two\nlines", max_length=20)
    with pytest.raises(ValueError, match="control character"):
        clean_text("a\x00b", max_length=20, lines=True)
    with pytest.raises(ValueError, match="longer than 3"):
        clean_text("four", max_length=3)


# --- masks


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("email", "ada@example.org", "a•••@e•••.org"),
        ("email", "ada@localhost", "a•••@l•••"),
        ("phone", "+4930123456", "•••56"),
        ("customer_id", "C-1001", "•••"),
        ("customer_id", "C-100123", "•••23"),
        ("visitor_id", UUID, "•••00"),
        ("customer_key", "ab" * 32, "•••ab"),
        ("email", "no address", "•••ss"),
    ],
)
def test_a_mask_shows_just_enough_to_tell_two_apart(kind, value, shown):
    assert mask(kind, value) == shown


@given(st.sampled_from(KNOWN_KINDS), st.text(max_size=80))
def test_a_mask_never_shows_more_than_it_may(kind, value):
    shown = mask(kind, value).replace("•", "")

    if kind == "email" and "@" in value:
        local, _at, domain = value.rpartition("@")
        ending = domain[domain.rfind(".") :] if "." in domain else ""
        assert len(shown) <= len(f"{local[:1]}@{domain[:1]}{ending}")
    else:
        assert len(shown) <= (2 if len(value) >= 8 else 0)
