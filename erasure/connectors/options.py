"""Options and credentials of a connector: dataclasses, from which the admin's form and the loader are made."""

import dataclasses
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NewType, get_type_hints

from django.utils.translation import ngettext_lazy as _n

Secret = NewType("Secret", str)


def option(
    label: Any,
    default: Any = dataclasses.MISSING,
    *,
    help: Any = "",
    effect: bool = True,
    choices: Sequence[str] | Mapping[str, Any] = (),
    minimum: int | None = None,
    maximum: int | None = None,
    term: str = "",
    later: bool = False,
) -> Any:
    """A field of a connector's Options or Credentials. `effect`: a change of it changes what is done at the vendor, so
    that it is part of what people approve; `later`: not while it has its default, since plans were approved before
    there was such an option. `choices`: the words it may be, each with what people read beside it if they
    are a mapping. `term`: the vendor's own name for it, where people meet one."""
    words = dict(choices) if isinstance(choices, Mapping) else {}
    bounds = {"minimum": minimum, "maximum": maximum}
    metadata = {
        "label": label,
        "help": help,
        "effect": effect,
        "choices": tuple(choices),
        "words": words,
        "term": term,
        "later": later,
        **bounds,
    }
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


DAY = 86_400  # seconds


def spelled(seconds: int) -> Any:
    """A duration as people read it: in days if they are whole, else in seconds."""
    if seconds % DAY:
        return _n("%d second", "%d seconds", seconds) % seconds
    return _n("%d day", "%d days", seconds // DAY) % (seconds // DAY)


@dataclass(frozen=True)
class Nothing:
    """Options or credentials of a connector that has none."""


class BadSettings(ValueError):
    """Settings that do not fit their dataclass; `problems` maps a field's name to a sentence."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in problems.items()))
        self.problems = dict(problems)


KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")


def _fits(value: Any, wanted: Any) -> Any:
    """`value` as the type `wanted`, or a ValueError that says what is wanted."""
    if wanted is bool:
        if isinstance(value, bool):
            return value
        raise ValueError("must be true or false")
    if wanted is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise ValueError("must be a whole number")
    if wanted == tuple[str, ...]:
        if isinstance(value, list | tuple) and all(isinstance(item, str) and KIND.fullmatch(item) for item in value):
            return tuple(value)
        raise ValueError("must be a list of identifier kinds (lower-case words)")
    if wanted == dict[str, str]:
        if isinstance(value, Mapping) and all(
            isinstance(kind, str) and KIND.fullmatch(kind) and isinstance(name, str) and name
            for kind, name in value.items()
        ):
            return dict(value)
        raise ValueError("must map identifier kinds (lower-case words) to the vendor's names")
    if isinstance(value, str):
        if wanted is Secret and any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in value):
            raise ValueError("must not hold a line break or another control character")
        if any(ord(character) < 32 and character not in "\n\r\t" for character in value):
            raise ValueError("must not hold control characters")
        return value
    raise ValueError("must be text")


def parse(shape: type[Any], values: Mapping[str, Any]) -> Any:
    """`values` (from JSON or a form) as an instance of the dataclass `shape`.

    Raises `BadSettings` naming every field that is unknown, missing, of the wrong type or not among its choices."""
    fields = {item.name: item for item in dataclasses.fields(shape)}
    types = get_type_hints(shape)
    problems = {name: f"unknown; known are {', '.join(fields) or 'none'}" for name in values if name not in fields}
    parsed = {}
    for name, item in fields.items():
        if name not in values:
            if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                problems[name] = "is required"
            continue
        try:
            parsed[name] = _fits(values[name], types[name])
            choices, minimum, maximum = (item.metadata.get(rule) for rule in ("choices", "minimum", "maximum"))
            if choices and parsed[name] not in choices:
                raise ValueError(f"must be one of {', '.join(choices)}")
            if minimum is not None and parsed[name] < minimum:
                raise ValueError(f"must be {minimum} or more")
            if maximum is not None and parsed[name] > maximum:
                raise ValueError(f"must be {maximum} or less")
        except ValueError as error:
            problems[name] = str(error)
    if problems:
        raise BadSettings(problems)
    return shape(**parsed)
