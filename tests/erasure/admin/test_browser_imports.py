"""A file of 1,000 rows, 17 of them bad, in a real browser: with JavaScript, and without."""

import re
import threading
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from compliance.audit.models import Event
from erasure import imports
from erasure.models import Case, ImportRow
from tests.browsing import SignIn, people_at
from tests.erasure.imports.made import thousand
from tests.factories import person

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE = 20 * 60 * 1000  # milliseconds, on a machine that does much else


@pytest.fixture
def sign_in(transactional_db, shop, live_server) -> Iterator[SignIn]:
    person("olive", "intake")
    with people_at(live_server.url) as sign_in:
        yield sign_in


class Worker(threading.Thread):
    """What a worker does with an import. A thread of its own: the browser keeps the test's from the database."""

    def __init__(self, number: UUID) -> None:
        super().__init__(daemon=True)
        self.number, self.seconds, self.left = number, 0.0, {}

    def run(self) -> None:
        began = time.monotonic()
        while not imports.carry_on(self.number):
            pass
        self.seconds = time.monotonic() - began
        opened = ImportRow.objects.filter(outcome="opened")
        self.left = {
            "cases": Case.objects.count(),
            "of rows": opened.values("case").distinct().count(),
            "events": Event.objects.filter(action="case.opened").count(),
        }
        connection.close()


def upload(page: Page, content: bytes) -> None:
    page.goto("/admin/erasure/case/")
    page.get_by_role("link", name="Import cases").click()
    page.get_by_label("CSV file").set_input_files(
        {"name": "ada-lovelace.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.get_by_role("button", name="Upload and check").click()


def preview_tells(page: Page, wrong: dict[int, str]) -> None:
    """Each bad row at its cell, and no other."""
    expect(page.get_by_text("983 rows are right and would be opened")).to_be_visible(timeout=120_000)
    expect(page.get_by_text("17 rows are wrong and would not be opened")).to_be_visible()
    rows = page.locator("#problems tbody tr").all_inner_texts()
    told = {int(cells[1]): cells[2] for cells in (re.split(r"\s*\t\s*", row) for row in rows)}
    assert told == wrong
    assert "ada-lovelace" not in page.content() + page.url


def test_a_thousand_rows_with_seventeen_bad_ones_become_983_cases(sign_in, record_property):
    content, wrong = thousand()
    lively, plain = sign_in("olive"), sign_in("olive", java_script_enabled=False)
    upload(lively, content)
    preview_tells(lively, wrong)
    lively.get_by_role("button", name="Discard the file").click()
    expect(lively.get_by_text("nothing of it was opened")).to_be_visible()

    upload(plain, content)
    preview_tells(plain, wrong)
    plain.get_by_role("button", name="Open 983 cases").click()
    expect(plain.get_by_text("0 of 1,000 rows: 0 opened")).to_be_visible(timeout=120_000)
    lively.goto(plain.url)
    expect(lively.locator("progress")).to_be_visible()
    visited: list[str] = []
    lively.on("framenavigated", lambda frame: visited.append(frame.url))
    worker = Worker(UUID(plain.url.rstrip("/").rpartition("/")[2]))
    worker.start()
    expect(lively.get_by_role("status")).to_have_text(re.compile(r"^[1-9]\d* of 1,000 rows"), timeout=PATIENCE)
    assert not visited, "the page tells how far it is without being loaded again"

    for page in (lively, plain):
        expect(page.get_by_role("heading", name="The import has ended")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("1,000 of 1,000 rows: 983 opened, 0 already there, 17 to be mended.")).to_be_visible()
        shown = [int(row.split("\t")[0]) for row in page.locator("#rows tbody tr").all_inner_texts()]
        assert shown == sorted(wrong)
    worker.join()
    record_property("seconds", round(worker.seconds))
    assert worker.left == {"cases": 983, "of rows": 983, "events": 983}

    with plain.expect_download() as mending:
        plain.get_by_role("button", name="Download the rows that were not opened").click()
    mended = mending.value.path().read_text("utf-8-sig")
    assert len(mended.splitlines()) == 18
    upload(plain, content)
    expect(plain.get_by_text("983 rows are already there and would be skipped")).to_be_visible(timeout=120_000)
    expect(plain.get_by_text("0 rows are right and would be opened")).to_be_visible()


def test_no_page_of_an_import_scrolls_sideways_on_a_phone(sign_in):
    page = sign_in("olive", viewport={"width": 420, "height": 800})
    content, _wrong = thousand(rows=17)
    upload(page, content)
    expect(page.get_by_text("17 rows are wrong")).to_be_visible(timeout=120_000)
    for address in (page.url, "/admin/erasure/case/import/", "/admin/erasure/case/import/columns/"):
        page.goto(address)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, address
