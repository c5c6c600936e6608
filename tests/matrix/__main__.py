"""The matrix as one command; see the package."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from tests import desk as desks

from .rig import POINTS, Cell, Rig, cells_of
from .shops import WAYS

TOGETHER = 40  # cells on one desk
JOBS = 2


def run(cells: list[Cell], without: str = "") -> list[tuple[Cell, str]]:
    """Runs cells of one way; for each what is wrong, or nothing. After one that does not hold a new desk goes on."""
    told: list[tuple[Cell, str]] = []
    left = list(cells)
    while left:
        with Rig(left[0].way, without) as rig:
            while left:
                cell = left.pop(0)
                try:
                    rig.run(cell)
                    told.append((cell, ""))
                except Exception as error:  # a broken desk is no reason to lose the table
                    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
                    told.append((cell, lines[-1] if lines[0].startswith("Traceback") else lines[0]))
                    break
            else:
                rig.verify()
    return told


def parts(cells: list[Cell]) -> Iterator[list[Cell]]:
    """In pieces for one desk each, the slowest way first."""
    for way in sorted(WAYS, key=lambda way: -len(way.steps)):
        mine = [cell for cell in cells if cell.way == way]
        yield from (mine[at : at + TOGETHER] for at in range(0, len(mine), TOGETHER))


def table(told: Iterable[tuple[Cell, str]]) -> Iterator[str]:
    """How many cells hold, of how many: a line a way, a column for each thing that happens."""
    held: Counter[tuple[str, str]] = Counter()
    tried: Counter[tuple[str, str]] = Counter()
    for cell, wrong in told:
        tried[cell.way.name, cell.happens] += 1
        held[cell.way.name, cell.happens] += not wrong
    yield "| way | steps | " + " | ".join(POINTS) + " |"
    yield "|---|---|" + "---|" * len(POINTS)
    for way in WAYS:
        places = [(way.name, happens) for happens in POINTS]
        if any(tried[place] for place in places):
            counts = (f"{held[place]}/{tried[place]}" if tried[place] else "–" for place in places)
            yield f"| {way.name} | {len(way.steps)} | " + " | ".join(counts) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix")
    parser.add_argument("--only", default="", metavar="WORDS", help="the cells whose name holds these words")
    parser.add_argument("--without", default="", metavar="GUARD", help="leave out one of the engine's (see guards.py)")
    given = parser.parse_args()
    cells = [cell for way in WAYS for cell in cells_of(way) if given.only in str(cell)]
    begun, told = time.monotonic(), []
    desks.prepare()
    with ProcessPoolExecutor(JOBS) as pool:
        pieces = list(parts(cells))
        for done in pool.map(run, pieces, [given.without] * len(pieces)):
            told += done
            for cell, wrong in done:
                if wrong:
                    print(f"does not hold: {cell}: {wrong}", flush=True)
            print(f"{len(told)} of {len(cells)} cells", flush=True)
    print("\n".join(table(told)))
    wrong = sum(bool(wrong) for _cell, wrong in told)
    print(f"{len(told)} cells in {time.monotonic() - begun:.0f} s: {len(told) - wrong} hold, {wrong} do not")
    return int(wrong > 0 or not told)


if __name__ == "__main__":
    sys.exit(main())
