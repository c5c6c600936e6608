"""Zips of JSON Lines, as vendors deliver exports: how much is in one, without unpacking it to disk or memory."""

import struct
import zipfile
from collections.abc import Callable
from typing import IO

from .http import Download

EMPTY = "empty.txt"
MOST_READ = 256 << 20  # bytes unpacked and counted; what is beyond is known to be there, and not counted
LARGEST_DIRECTORY = 1 << 20  # bytes, some ten thousand files; zipfile holds them in memory, ten times as large
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # with the others zipfile unpacks at once what a few bytes say
END = struct.Struct("<4s4H2LH")  # end of central directory record (APPNOTE.TXT, 4.3.16)


def count_records(download: Download, progress: Callable[[], None]) -> dict[str, int] | None:
    """How many `files` and `records` (lines that are not blank) the zip holds; `empty.txt` alone means none. Past 256
    MiB it stops counting, and `counted_in_part` is 1. `progress` is called again and again meanwhile.

    None for anything else: no zip, a damaged one, one packed in an unusual way, one without records. Never raises,
    whatever arrived: the vendor may have deleted its copy, so this one must be kept."""
    try:
        with download.open() as stream:
            if not _has_small_directory(stream):
                return None
            with zipfile.ZipFile(stream) as archive:
                files = [info for info in archive.infolist() if not info.is_dir()]
                if [info.filename for info in files] == [EMPTY]:
                    return {"files": 0, "records": 0}
                if any(info.compress_type not in PACKED for info in files):
                    return None
                records, left = 0, MOST_READ
                for info in files:
                    with archive.open(info) as lines:
                        counted, read = _count_lines(lines, left, progress)
                    records, left = records + counted, left - read
                    if left <= 0:
                        break
    except Exception:  # zipfile lets through whatever a damaged zip makes its parts raise: zlib.error, struct.error, …
        return None
    if not records:
        return None
    return {"files": len(files), "records": records} | ({"counted_in_part": 1} if left <= 0 else {})


def _has_small_directory(stream: IO[bytes]) -> bool:
    size = stream.seek(0, 2)
    stream.seek(max(0, size - END.size - 0xFFFF))
    tail = stream.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or b"PK\6\7" in tail[max(0, at - 20) : at]:  # none, or the one of a zip64, which no export needs
        return False
    *_numbers, directory, _offset, _comment = END.unpack_from(tail, at)
    stream.seek(0)
    return bool(directory <= LARGEST_DIRECTORY)


def _count_lines(stream: IO[bytes], most: int, progress: Callable[[], None]) -> tuple[int, int]:
    """Lines that are not blank among the first `most` bytes, in constant memory however long a line is; and how many
    bytes were read."""
    count, read, inside = 0, 0, False
    while read < most and (block := stream.read(1 << 20)):
        read += len(block)
        first, *rest = block.split(b"\n")
        inside = inside or bool(first.strip())
        for part in rest:
            count += inside
            inside = bool(part.strip())
        progress()
    return count + inside, read
