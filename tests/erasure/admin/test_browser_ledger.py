"""The last steps of a case in a real browser, with and without JavaScript: its recipients, and its certificate."""

import hashlib

import pytest
from playwright.sync_api import expect

from erasure.models import Evidence
from tests.browsing import unfold
from tests.erasure.admin.test_browser import sign_in  # noqa: F401
from tests.erasure.admin.test_ledger import ended
from tests.factories import person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def people(transactional_db, shop) -> None:
    """Made before the browser starts: while it runs, its event loop keeps this thread from the database."""
    ended(requester={"name": "Ada Lovelace", "language": "de"})
    person("olive", "intake")


@pytest.fixture
def certified(people):
    """Looks at what was kept, when the browser has ended."""
    sums: list[str] = []
    yield sums
    assert sums == [Evidence.objects.get(kind="certificate").sha256]


def test_a_recipient_is_added_and_told_and_the_certificate_comes_as_a_file(certified, sign_in):  # noqa: F811
    page = sign_in("olive")
    page.goto("/admin/erasure/case/")
    page.get_by_role("link", name="DSR-").first.click()
    form = unfold(page.locator("#recipients"), "Add a recipient")
    form.get_by_label("Name").fill("An auditor")
    form.get_by_role("button", name="Add a recipient").click()
    expect(page.get_by_text("1 recipient of the data has not been told")).to_be_visible()

    page.get_by_role("link", name="Go to the recipients").click()
    form = unfold(page.locator("#recipients"), "Record that a recipient was told")
    form.get_by_label("Recipient").select_option("An auditor")
    form.get_by_label("How it was told").select_option("letter")
    form.get_by_role("button", name="Record that a recipient was told").click()
    expect(page.get_by_text("Nothing is left to do.")).to_be_visible()
    with page.expect_download() as got:
        page.get_by_role("button", name="List for the person (PDF)").click()
    assert got.value.path().read_bytes().startswith(b"%PDF")

    with page.expect_download() as got:
        page.get_by_role("button", name="Certificate").click()
    certified.append(hashlib.sha256(got.value.path().read_bytes()).hexdigest())
