"""JSON read strictly: what two readers could understand in two ways is refused."""

import json
import math
import re
from typing import Any

MAX_DEPTH = 32
MAX_DIGITS = 40

# Strings are skipped as wholes; an unterminated one runs to the end, so that the scan stays linear.
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class NotStrict(ValueError):
    """The text is not acceptable. The message is a fixed phrase; it never quotes the text."""


def _is_too_deep(text: str) -> bool:
    depth = 0
    for match in _TOKENS.finditer(text):
        match match[0]:
            case "[" | "{":
                depth += 1
                if depth > MAX_DEPTH:
                    return True
            case "]" | "}":
                depth -= 1
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("a key twice in one object")
    return found


def _number(text: str) -> int | float:
    if len(text) > MAX_DIGITS:
        raise NotStrict("a number of too many digits")
    if text.lstrip("-").isdigit():
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise NotStrict("a number out of range")
    return value


def _constant(_text: str) -> None:
    raise NotStrict("NaN or Infinity")


def loads(raw: bytes) -> Any:
    """The value of a JSON text in UTF-8 (RFC 8259; a byte order mark is passed over).

    Raises `NotStrict` for anything else, and for a key twice in one object, NaN, Infinity, a number of more than 40
    characters or out of range, nesting deeper than 32, and half a surrogate pair."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotStrict("bytes that are not UTF-8") from None
    if _is_too_deep(text):
        raise NotStrict("nesting too deep")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_constant
        )
    except NotStrict:
        raise
    except (ValueError, RecursionError):
        raise NotStrict("not JSON") from None
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotStrict("half a surrogate pair") from None
    return value
