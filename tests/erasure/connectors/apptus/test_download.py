"""The export: fetched once, counted, kept, and handed over when it cannot be read."""

import hashlib
import io
import random
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from unittest import mock

import pytest

from erasure.connectors.base import (
    BrokenReply,
    Finish,
    HandOver,
    Held,
    Operation,
    Outcome,
    OutcomeUnknown,
)
from erasure.connectors.zipped import count_records

from ..driver import Drive
from .conftest import (
    ANNA,
    ANNAS_KEY,
    BERT,
    BERTS_KEY,
    EMPTY,
    RESULT,
    START_EXPORT,
    START_REMOVAL,
    TWO_CLICKS,
    Vendor,
    in_html,
    until,
    zipped,
)


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        ({"click.jsonl": '{"n": 1}\n{"n": 2}\n'}, {"files": 1, "records": 2}),
        ({"click.jsonl": '{"n": 1}\n{"n": 2}'}, {"files": 1, "records": 2}),
        ({"a.jsonl": "{}\n", "b/c.jsonl": "{}\n{}\n", "b/": ""}, {"files": 2, "records": 3}),
        ({"a.jsonl": '\n\r\n  \n{"n": 1}\r\n\r\n{"n": 2}\n\t\n'}, {"files": 1, "records": 2}),
        ({"a.jsonl": "{}\n", "b.jsonl": ""}, {"files": 2, "records": 1}),
        ({"a.jsonl": "x" * 3_000_000 + "\n" + " " * 2_000_000 + "\n" + "y"}, {"files": 1, "records": 2}),
        ({"a.jsonl": "x" + " " * 3_000_000 + "\n\ny"}, {"files": 1, "records": 2}),
        ({"empty.txt": "", "a.jsonl": "{}\n"}, {"files": 2, "records": 1}),
    ],
)
def test_records_are_the_lines_that_are_not_blank(
    vendor: Vendor, drive: Callable[..., Drive], files: dict[str, str], counts: dict[str, int]
) -> None:
    vendor.zips["e1"] = zipped(files)
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.evidence[0].counts == counts
    assert sub_task.outcomes == {"anna": (Outcome.ERASED, Held.YES)}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/zip"},
        {"Content-Type": "Application/X-Zip-Compressed"},
        {"Content-Type": "application/x-zip"},
        {"Content-Type": "application/octet-stream; charset=binary"},
        {"Content-Type": ""},
    ],
)
def test_a_zip_is_taken_under_any_of_its_names_as_the_vendor_has_deleted_its_own(
    vendor: Vendor, drive: Callable[..., Drive], headers: dict[str, str]
) -> None:
    vendor.instead[RESULT] = [(200, headers, TWO_CLICKS)]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(START_EXPORT) == [ANNAS_KEY]
    assert sub_task.evidence[0].counts == {"files": 1, "records": 2}


def test_what_comes_without_a_type_and_is_no_zip_is_kept_and_removes_nothing(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.instead[RESULT] = [(200, {"Content-Type": ""}, b"<html>Sign in</html>")]
    sub_task = drive()
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert end.to == "attention"
    assert vendor.asked(START_REMOVAL) == []


@pytest.mark.parametrize("text", ["", "There is no data.\n"])
def test_an_empty_txt_alone_means_that_nothing_is_held(vendor: Vendor, drive: Callable[..., Drive], text: str) -> None:
    vendor.zips["e1"] = zipped({"empty.txt": text})
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.evidence[0].counts == {"files": 0, "records": 0}
    assert sub_task.outcomes == {"anna": (Outcome.NOT_HELD, Held.NO)}
    assert vendor.asked(START_REMOVAL) == [ANNAS_KEY]  # removed all the same: data can arrive in between


def test_one_key_held_and_one_not(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.zips["e1"] = EMPTY
    sub_task = until(drive(ANNA, BERT), "start_removal")
    assert sub_task.outcomes == {"anna": (Outcome.PENDING, Held.NO), "bert": (Outcome.PENDING, Held.YES)}
    sub_task.run()
    assert sub_task.outcomes == {"anna": (Outcome.NOT_HELD, Held.NO), "bert": (Outcome.ERASED, Held.YES)}


def test_the_file_is_kept_under_a_name_that_names_nobody(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = drive(ANNA, BERT)
    sub_task.run()
    assert [kept.download.name for kept in sub_task.evidence] == ["apptus-export-1.zip", "apptus-export-2.zip"]
    assert [kept.download.sha256 for kept in sub_task.evidence] == [hashlib.sha256(TWO_CLICKS).hexdigest()] * 2
    assert {kept.kind for kept in sub_task.evidence} == {"export"}


@pytest.mark.parametrize(("days", "keep"), [(0, timedelta(0)), (30, timedelta(days=30))])
def test_an_export_has_its_own_time_to_be_kept(
    vendor: Vendor, drive: Callable[..., Drive], days: int, keep: timedelta
) -> None:
    sub_task = drive(keep_export_days=days)
    sub_task.run()
    assert sub_task.evidence[0].keep == keep


def truncated() -> bytes:
    return TWO_CLICKS[:-30]


def with_bad_stream() -> bytes:
    """A zip whose directory is right and whose compressed data is not: zlib itself stumbles."""
    start = 30 + len("click.jsonl")
    data = bytearray(zipped({"click.jsonl": '{"n": 1}\n' * 50}))
    data[start : start + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(zlib.error), zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.read("click.jsonl")
    return bytes(data)


DAMAGED = {
    "nothing": b"",
    "not a zip": b"PK but no more",
    "cut off": truncated(),
    "bad stream": with_bad_stream(),
    "no file at all": zipped({}),
    "blank lines alone": zipped({"a.jsonl": "\n \n"}),
    "no records, and not called empty.txt": zipped({"readme.txt": ""}),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("operation", [Operation.ERASE, Operation.EXPORT])
def test_a_zip_that_cannot_be_read_is_kept_and_handed_over_and_a_retry_exports_afresh(
    vendor: Vendor, drive: Callable[..., Drive], data: bytes, operation: Operation
) -> None:
    vendor.zips["e1"] = data
    sub_task = drive(operation=operation)
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert end.to == "attention"
    assert "Nothing was removed" in end.note
    assert sub_task.files == [data]
    assert sub_task.said == {}
    assert vendor.asked(START_REMOVAL) == []
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(START_EXPORT) == [ANNAS_KEY, ANNAS_KEY]
    assert sub_task.files == [data, TWO_CLICKS]


def test_no_damage_whatever_lets_the_only_copy_go(drive: Callable[..., Drive]) -> None:
    """The vendor has deleted its file by now: an error that got through would lose ours too."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    whole = zipped({"a.jsonl": '{"n": 1}\n' * 20, "b.jsonl": "{}\n"})
    for _round in range(2000):
        data = bytearray(whole)
        for _byte in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        download = mock.Mock(open=lambda data=bytes(data): io.BytesIO(data))
        counts = count_records(download, lambda: None)
        assert counts is None or counts["records"] >= 0, f"seed {seed}"


def test_a_zip_that_unpacks_to_more_than_anybody_counts_is_counted_in_part_and_tells_so_on_the_way() -> None:
    another = zipped({"a.jsonl": "{}\n{}\n", "b.jsonl": "{}\n"})
    told: list[int] = []
    with mock.patch("erasure.connectors.zipped.MOST_READ", 3):
        counts = count_records(mock.Mock(open=lambda: io.BytesIO(another)), lambda: told.append(1))
    assert counts == {"files": 2, "records": 2, "counted_in_part": 1}
    assert told


def counted(data: bytes) -> dict[str, int] | None:
    return count_records(mock.Mock(open=lambda: io.BytesIO(data)), lambda: None)


def test_a_zip_whose_directory_would_fill_the_memory_is_not_read() -> None:
    data = zipped({"a.jsonl": "{}\n", "b.jsonl": "{}\n"})
    directory = 2 * (46 + len("a.jsonl"))
    for largest, counts in ((directory, {"files": 2, "records": 2}), (directory - 1, None)):
        with mock.patch("erasure.connectors.zipped.LARGEST_DIRECTORY", largest):
            assert counted(data) == counts


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_a_few_bytes_that_unpacks_to_gigabytes_at_once_is_not_read(packed: int) -> None:
    """With these zipfile knows no bounds: it unpacks as much as what it has read says, and bzip2 says 45 bytes for each
    900,000."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.jsonl", "{}\n")
        archive.writestr("b.jsonl", "x" * (32 << 20), packed)
    tracemalloc.start()
    try:
        assert counted(out.getvalue()) is None
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_an_html_page_in_the_downloads_place_is_not_evidence(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = until(drive(), "fetch_export")
    vendor.instead[RESULT] = [in_html()]
    with pytest.raises(BrokenReply):
        sub_task.once()
    assert sub_task.evidence == []
    assert vendor.asked(START_REMOVAL) == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_download_that_is_gone_or_unknown_leads_to_a_fresh_export(
    vendor: Vendor, drive: Callable[..., Drive], status: int
) -> None:
    """Whether the vendor has deleted its file already cannot be known."""
    sub_task = until(drive(ANNA, BERT), "fetch_export")
    vendor.instead[RESULT] = [in_html(status)]
    with pytest.raises(BrokenReply if status == 404 else OutcomeUnknown):
        sub_task.once()
    sub_task.unknown()
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(START_EXPORT) == [ANNAS_KEY, BERTS_KEY, ANNAS_KEY]
    assert vendor.asked(RESULT) == ["e1", "e3", "e2"]
    assert len(sub_task.evidence) == 2
    assert sub_task.references["export_job_1"] == "e3"
