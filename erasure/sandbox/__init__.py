"""Stand-in vendors that speak their vendors' HTTP on loopback, for the demo, for trials and for the tests.

They are the desk's counterpart, so they import nothing of it, and nothing beyond the standard library. To add a vendor:
one file with a subclass of `server.StandIn`, one line in `STAND_INS`.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from .acoustic import Acoustic
from .acquia import Acquia
from .apptus import Apptus
from .faults import Fault
from .journal import Entry
from .server import StandIn

__all__ = ["STAND_INS", "Acoustic", "Acquia", "Apptus", "Entry", "Fault", "Running", "StandIn", "start"]

STAND_INS: dict[str, type[StandIn]] = {stand_in.key: stand_in for stand_in in (Apptus, Acquia, Acoustic)}


@dataclass
class Running:
    """Started stand-ins by name: `running["apptus"].url`. Ends them all with `stop()` or as a context manager."""

    stand_ins: dict[str, StandIn] = field(default_factory=dict)

    def __getitem__(self, name: str) -> StandIn:
        return self.stand_ins[name]

    def stop(self) -> None:
        for stand_in in self.stand_ins.values():
            stand_in.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    names: Iterable[str] = tuple(STAND_INS),
    ports: Sequence[int] | None = None,
    days_per_second: float = 0.0,
    *,
    everyone: bool = False,
    journal_folder: Path | None = None,
) -> Running:
    """Starts these stand-ins, each on its port (none given: free ones). With `journal_folder`, each writes its journal
    to `<name>.jsonl` there. KeyError for an unknown name, OSError for a taken port; then none is left running."""
    names = list(names)
    running = Running()
    with ExitStack() as undo:
        for name, port in zip(names, ports if ports is not None else [0] * len(names), strict=True):
            stand_in = STAND_INS[name](
                days_per_second=days_per_second,
                everyone=everyone,
                journal_file=journal_folder / f"{name}.jsonl" if journal_folder else None,
            )
            running.stand_ins[name] = stand_in.start(port)
            undo.callback(stand_in.stop)
        undo.pop_all()
    return running
