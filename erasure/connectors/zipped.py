"""Zips of JSON Lines, as vendors deliver exports: how much is in one, without unpacking it to disk or memory."""

import zipfile
from typing import IO

from .http import Download

LARGEST = 4 << 30  # bytes when unpacked; beyond it is no person's file
EMPTY = "empty.txt"


def count_records(download: Download) -> dict[str, int] | None:
    """How many `files` and `records` (lines that are not blank) the zip holds; `empty.txt` alone means none.

    None for anything else: no zip, a damaged one, one without records. Never raises, whatever arrived: the vendor may
    have deleted its copy, so this one must be kept."""
    try:
        with download.open() as stream, zipfile.ZipFile(stream) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            if [info.filename for info in files] == [EMPTY]:
                return {"files": 0, "records": 0}
            if sum(info.file_size for info in files) > LARGEST:
                return None
            records = 0
            for info in files:
                with archive.open(info) as lines:
                    records += _count_lines(lines)
    except Exception:  # zipfile lets through whatever a damaged zip makes its parts raise: zlib.error, struct.error, …
        return None
    return {"files": len(files), "records": records} if records else None


def _count_lines(stream: IO[bytes]) -> int:
    """Lines that are not blank, in constant memory however long a line is."""
    count, inside = 0, False
    while block := stream.read(1 << 20):
        first, *rest = block.split(b"\n")
        inside = inside or bool(first.strip())
        for part in rest:
            count += inside
            inside = bool(part.strip())
    return count + inside
