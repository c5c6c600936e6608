"""Pages of a desk whose key ring is missing, damaged, or lacks a key: they say so in words, and no value is lost."""

import pytest
from django.urls import reverse

from compliance.vault import rotation
from tests.factories import opened_case

from .conftest import page


@pytest.fixture
def case(own_ring, shop):
    return opened_case(requester={"name": "Ada Lovelace"}, submit=True, note="She called.")


def missing(ring_file):
    ring_file.unlink()


def lacks_the_key(ring_file):
    copy = ring_file.read_bytes()
    rotation.rotate(actor="system:test")
    ring_file.write_bytes(copy)


def damaged(ring_file):
    ring_file.write_text("{")


troubles = pytest.mark.parametrize("trouble", [missing, lacks_the_key, damaged])


@troubles
def test_the_page_of_a_case_says_what_cannot_be_opened_and_opens_again_with_the_ring(
    signed_in, case, own_ring, trouble
):
    client, ring_file = signed_in("root", is_superuser=True), own_ring
    before = ring_file.read_bytes()
    trouble(ring_file)
    html = page(client, case)
    assert case.reference in html
    assert html.count("cannot be opened") >= 3, "two identifiers and a note"
    assert "Check the key ring (KEY_RING)" in html
    if trouble is not lacks_the_key:  # what was wrapped anew meanwhile does not open with the old one
        ring_file.write_bytes(before)
        assert "cannot be opened" not in page(client, case)


@troubles
def test_a_page_that_cannot_do_without_says_so_and_nothing_else(signed_in, case, own_ring, trouble, caplog):
    client = signed_in("root", is_superuser=True)
    trouble(own_ring)
    response = client.get(reverse("admin:erasure_vendor_change", args=[case.sub_tasks.first().vendor_id]))
    assert response.status_code == 503
    html = response.content.decode()
    assert "The desk cannot work now" in html
    assert "Traceback" not in html
    assert str(own_ring) not in html
    assert "KEY_RING" in caplog.text
    assert "Traceback" not in caplog.text


@troubles
def test_the_list_the_overview_and_the_trail_are_there_all_the_same(signed_in, case, own_ring, trouble):
    client = signed_in("root", is_superuser=True)
    trouble(own_ring)
    for name in ("index", "erasure_case_changelist", "erasure_subtask_changelist", "audit_event_changelist"):
        assert client.get(reverse(f"admin:{name}")).status_code == 200, name
