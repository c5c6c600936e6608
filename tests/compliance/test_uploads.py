"""Uploads stay in memory, and never take more of it than one file may."""

from io import BytesIO

import pytest
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

LIMIT = 5 * 1024 * 1024


def sent(**files):
    return RequestFactory().post("/", files)


@pytest.fixture(autouse=True)
def no_temporary_files(monkeypatch):
    def fail(*_args, **_given):
        raise AssertionError("an upload was written to the disk")

    monkeypatch.setattr("tempfile.mkstemp", fail)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", fail)


@pytest.mark.parametrize("size", [1, 200_000, LIMIT])
def test_a_file_up_to_the_limit_arrives_whole(size):
    content = bytes(number % 251 for number in range(size))
    given = sent(file=SimpleUploadedFile("a.png", content, "image/png")).FILES["file"]

    assert (given.name, given.size, given.content_type) == ("a.png", size, "image/png")
    assert given.read() == content


@pytest.mark.parametrize("more", [1, 3 * LIMIT])
def test_a_larger_file_arrives_empty_with_its_true_size_and_the_fields_beside_it(more):
    request = sent(before="1", file=SimpleUploadedFile("a.png", b"x" * (LIMIT + more)), note="Seen.")
    given = request.FILES["file"]

    assert given.size == LIMIT + more
    assert given.read() == b""
    assert (request.POST["before"], request.POST["note"]) == ("1", "Seen.")


def test_a_second_file_is_refused():
    with pytest.raises(TooManyFilesSent):
        _ = sent(one=BytesIO(b"1"), two=BytesIO(b"2")).FILES
