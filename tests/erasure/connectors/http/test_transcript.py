import json
from typing import Any

import pytest

from erasure.connectors.http.transcript import Redactor, Transcript, cells, leaves

JSON = "application/json; charset=utf-8"


def shown(value: Any, *known: str) -> Any:
    return json.loads(Redactor(known, ["done", "Waiting"]).excerpt(JSON, json.dumps(value).encode()))


def test_the_structure_and_the_vendors_own_words_stay() -> None:
    reply = {"status": "DONE", "then": "waiting", "n": 123_456, "ok": True, "none": None, "l": [1]}
    assert shown(reply, "anna@example.com") == reply


def test_whatever_else_a_vendor_says_may_be_somebodys_data() -> None:
    reply = {"jid": "5f3c9bce", "name": "Anna Muster", "born": "1980-02-29", "phone": 491701234567, "anna muster": 1}
    assert shown(reply) == {"jid": "…", "name": "…", "born": "…", "phone": "…", "…": 1}


def test_even_a_word_of_the_vendor_is_left_out_where_it_was_sent() -> None:
    assert shown({"status": "done"}, "done") == {"status": "…"}


@pytest.mark.parametrize(
    "text",
    [
        "Anna@Example.com",
        "no customer ANNA-7 here",
        "anna%2d7",
        "x" * 41,
        "somebody@else.example",
        "E" * 64,
        "+49 170 1234567",
        "Müller &amp; Söhne",
        "M\u0075\u0308ller & So\u0308hne",
        "id 42",
        "42",
        "hunter2",
    ],
)
def test_a_text_that_tells_something_is_left_out(text: str) -> None:
    known = ("anna@example.com", "anna-7", "Müller & Söhne", "42", "hunter2")
    assert shown({"m": [text], text: 1, "b": {"c": text}}, *known) == {"m": ["…"], "…": 1, "b": {"c": "…"}}


def test_a_short_value_is_looked_for_as_a_word_so_that_the_rest_stays_readable() -> None:
    assert shown({"b": 42, "c": 421}, "42") == {"b": "…", "c": 421}


def test_long_lists_are_cut() -> None:
    assert shown({"a": list(range(500, 700))})["a"] == [*range(500, 520), "…"]


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        ("text/html", b"<p>Anna</p>", "text/html, 11 bytes"),
        ("application/json", b'{"a": ', "application/json, 6 bytes"),
        ("anna smith/x; y", b"Anna", "?, 4 bytes"),
        (None, b"", "?, 0 bytes"),
        ("application/json", b" " * 70_000 + b"{}", "application/json, 70002 bytes"),
    ],
)
def test_of_anything_else_only_type_and_size_are_told(kind: str | None, body: bytes, told: str) -> None:
    assert Redactor(()).excerpt(kind, body) == told


def test_after_very_many_sent_values_only_type_and_size_are_told() -> None:
    assert Redactor(str(n) for n in range(10_000)).excerpt(JSON, b"{}") == "application/json, 2 bytes"


def test_an_excerpt_has_a_longest_length() -> None:
    assert len(Redactor(()).excerpt(JSON, json.dumps({f"n{n}": n for n in range(3_000)}).encode())) == 2_000


def test_a_path_keeps_its_words_and_loses_its_identifiers() -> None:
    path = Redactor(("anna-7",)).path("/api/v1/users/ANNA%2D7/a%40b.example/" + "d9" * 32 + "/delete")
    assert path == "/api/v1/users/…/…/…/delete"


def test_what_was_sent_is_found_in_json_and_in_csv() -> None:
    assert list(leaves({"ids": ["a", 7], "deep": {"x": True, "y": None, "z": "c"}})) == ["a", "7", "c"]
    assert {"Type", "email", "a@b.example", "Smith, Anna"} <= set(
        cells(b'Type,Value\r\nemail,a@b.example\r\nname,"Smith, Anna"\r\n')
    )


def test_a_transcript_starts_without_an_answer() -> None:
    assert Transcript("GET", "/x").status is None
