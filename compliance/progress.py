"""How far long work is: on a terminal one line that is written over, elsewhere a plain line now and then."""

import time
from typing import Any

from django.utils.translation import gettext as _

_LOOK = 1000  # rows between looks at the clock
_ON_TERMINAL, _ELSEWHERE = 0.2, 30.0  # seconds between lines


class Progress:
    """Writes to `output`, a command's standard error, in no colour of errors. Nothing for work that is over before its
    first line is due. `look`: how many rows go by between two looks at the clock."""

    def __init__(self, output: Any, *, look: int = _LOOK) -> None:
        self._look = look
        self._output, self._terminal = output, output.isatty()
        self._wait = _ON_TERMINAL if self._terminal else _ELSEWHERE
        self._due = time.monotonic() + self._wait
        self._shown = False

    def at(self, rows: int, part: float) -> None:
        """`rows` are done, which is this part of the whole, from 0 to 1. Cheap: call it for each row."""
        if rows % self._look or (now := time.monotonic()) < self._due:
            return
        line = _("%(rows)s rows, %(percent)d %%") % {"rows": f"{rows:,}", "percent": 100 * min(part, 1)}
        self._output.write(f"\r{line}" if self._terminal else line, str, "" if self._terminal else "\n")
        self._output.flush()
        self._due, self._shown = now + self._wait, True

    def end(self) -> None:
        """Clears the terminal's line."""
        if self._terminal and self._shown:
            self._output.write("\r\x1b[K", str, "")
