"""What the processes of a rig share: how far time was turned, and which worker is at which step."""

import mmap
import struct
from pathlib import Path

_OFFSET, _PID, _CLAIMS, _STEP = 0, 8, 16, 24
_WORD = 40
_SIZE = _STEP + _WORD


class Shared:
    """A small file that every process has mapped: what one writes, the others see, also one that was stopped."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(_SIZE))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _SIZE)

    @property
    def offset(self) -> float:
        """By how many seconds time was turned forward."""
        return float(struct.unpack_from("d", self._map, _OFFSET)[0])

    @offset.setter
    def offset(self, seconds: float) -> None:
        struct.pack_into("d", self._map, _OFFSET, seconds)

    @property
    def pid(self) -> int:
        """The newest worker."""
        return int(struct.unpack_from("q", self._map, _PID)[0])

    @pid.setter
    def pid(self, pid: int) -> None:
        struct.pack_into("q", self._map, _PID, pid)

    @property
    def claims(self) -> int:
        """How many claims all workers have made so far."""
        return int(struct.unpack_from("q", self._map, _CLAIMS)[0])

    @claims.setter
    def claims(self, number: int) -> None:
        struct.pack_into("q", self._map, _CLAIMS, number)

    @property
    def step(self) -> str:
        """The step of its claim; empty before it has one."""
        return self._map[_STEP:_SIZE].rstrip(b"\0").decode()

    @step.setter
    def step(self, step: str) -> None:
        self._map[_STEP:_SIZE] = step.encode().ljust(_WORD, b"\0")
