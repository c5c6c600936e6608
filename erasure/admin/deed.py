"""What a deed is: something that staff can do with a case or with vendor work (`deeds`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms


@dataclass(frozen=True)
class Deed:
    """`run` gets the case or sub-task, the acting account and the form's values; it returns what to tell in place of
    `done`, or None. `shown` says whether the page offers it, `label` what its button says (a text, or a function of
    the case or sub-task). `main` deeds stand open on the page; `fresh` ones take a fresh sign-in."""

    label: Any
    permission: str
    form: type[forms.Form]
    run: Callable[[Any, Any, dict[str, Any]], str | None]
    shown: Callable[..., bool]
    done: Any
    help: Any = ""
    main: bool = False
    fresh: bool = False
