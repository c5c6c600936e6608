"""What the doctor says of one thing."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_lazy


class Level(StrEnum):
    """How bad it is. The value is for programs, the label for people."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"

    @property
    def label(self) -> str:
        return str(_LABELS[self])


_LABELS = {
    Level.OK: gettext_lazy("ok"),
    Level.WARNING: gettext_lazy("warning"),
    Level.PROBLEM: gettext_lazy("problem"),
}


@dataclass(frozen=True)
class Finding:
    """`text` says what was found, `cure` what to do about it; what is in order needs none."""

    level: Level
    text: str
    cure: str = ""


def ok(text: str) -> Finding:
    return Finding(Level.OK, text)


def warning(text: str, cure: str) -> Finding:
    return Finding(Level.WARNING, text, cure)


def problem(text: str, cure: str) -> Finding:
    return Finding(Level.PROBLEM, text, cure)
