import time

import pytest

from erasure.connectors.http.strict import MAX_DEPTH, NotStrict, loads


def test_ordinary_json_is_read() -> None:
    raw = b'\xef\xbb\xbf{"a": [1, -2.5, true, null, "\\ud83d\\ude00 [[{"], "b": {"c": 12345678901234567890}}'
    assert loads(raw) == {"a": [1, -2.5, True, None, "\U0001f600 [[{"], "b": {"c": 12345678901234567890}}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": 1} x',
        b'{"a": 1, "a": 1}',
        b'{"x": [{"a": 1, "\\u0061": 2}]}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b"{'a': 1}",
        b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 200_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": ' + b"9" * 41 + b"}",
        b'{"a": 0.' + b"3" * 5_000 + b"}",
        b"9" * 5_000,
    ],
)
def test_what_could_be_understood_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(NotStrict) as refused:
        loads(raw)
    assert len(str(refused.value)) < 60


def test_the_deepest_nesting_and_the_longest_number_that_are_allowed() -> None:
    assert loads(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert loads(b"9" * 40) == int("9" * 40)


@pytest.mark.parametrize("raw", [b'"' + b'\\"' * 500_000, b'"' * 1_000_000, b"\\" * 1_000_000, b'{"' * 500_000])
def test_a_megabyte_made_to_be_slow_is_refused_at_once(raw: bytes) -> None:
    started = time.process_time()
    with pytest.raises(NotStrict):
        loads(raw)
    assert time.process_time() - started < 5
