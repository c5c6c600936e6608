"""What lifecycle and intake refuse with. The faces turn these into messages and problem details; none holds a value
that somebody typed."""

from collections.abc import Sequence


class DeskError(Exception):
    """Nothing was changed. `code` is a stable word; `text` says to the person what happened and what to do next."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Conflict(DeskError):
    """The case is not in a state for this, or has changed since it was read. `reference` names the case that is in the
    way, where there is one."""

    def __init__(self, code: str, text: str, *, reference: str = "") -> None:
        super().__init__(code, text)
        self.reference = reference


class Forbidden(DeskError):
    """This person may not, whatever rights they have otherwise."""


class NotFound(DeskError):
    """There is no such thing."""


class Unavailable(DeskError):
    """The desk does no work now, whoever asks."""


class Invalid(DeskError):
    """Fields are wrong; `problems` are pairs of a JSON pointer and a sentence."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("invalid", "; ".join(text for _pointer, text in problems))
        self.problems = list(problems)
