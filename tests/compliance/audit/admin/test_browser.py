"""The trail in a real browser, with and without JavaScript."""

import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from compliance import clock
from compliance.audit import seal
from compliance.audit.models import Anchor, Event
from tests.browsing import people_at
from tests.factories import person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def trail(transactional_db, tell) -> Event:
    """Three sealed events and one that has waited for an hour; the first of them. The log is anchored once. Made before
    the browser starts: while it runs, its event loop keeps this thread from the database."""
    person("ann", "auditor")
    person("olive", "intake")
    with transaction.atomic():
        first = tell(what="rain", case="DSR-2026-000001")
        tell(what="snow", case="DSR-2026-000002")
        tell(what="hail", case="DSR-2026-000002", actor="system:weather")
    seal.seal()
    Anchor.objects.create(size=1, place="https://kept.example.org/" + "very-long-" * 8, at=clock.now())
    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        now = clock.now()
        patch.setattr(clock, "now", lambda: now - timedelta(hours=1))
        tell(what="fog", case="DSR-2026-000002")
    return first


@pytest.fixture(params=[True, False], ids=["javascript", "no javascript"])
def ann(request, trail, live_server) -> Iterator[Callable[..., Page]]:
    """ann(width=420) gives a page of the auditor's."""
    with people_at(live_server.url, java_script_enabled=request.param, color_scheme="dark") as sign_in:
        yield lambda width=1280: sign_in("ann", viewport={"width": width, "height": 900})


def test_an_auditor_reads_narrows_and_exports(ann, tmp_path):
    page = ann()
    visited: list[str] = []
    page.on("request", lambda request: visited.append(request.url))
    page.get_by_role("link", name="Events").first.click()
    panel = page.locator("#standing")
    expect(panel).to_contain_text("Is manage.py work running?")
    expect(panel).to_contain_text("The settings no longer name this place.")
    page.get_by_label("Who:").fill("olive")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("navigation", name="Filter")).to_contain_text("Who: olive")
    expect(page.get_by_text("0 rows")).to_be_visible()
    assert not [address for address in visited if "olive" in address]

    page.get_by_role("link", name="Clear all filters").click()
    page.get_by_label("Case:").fill("ada@example.org")
    page.get_by_role("button", name="Search").click()  # the browser itself refuses what is no reference
    page.get_by_label("Case:").fill("DSR-2026-000002")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("row")).to_have_count(4)
    expect(page.get_by_text("not yet sealed").and_(page.locator("td *"))).to_have_count(1)
    assert not [address for address in visited if "example" in address]

    page.get_by_role("link", name="Export…").click()
    expect(page.get_by_label("Case:")).to_have_value("DSR-2026-000002")
    page.get_by_label("From:").fill("yesterday")
    page.get_by_role("button", name="Export").click()
    expect(page.locator(".errorlist")).to_contain_text("neither a date")
    page.get_by_label("From:").fill("")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "trail-DSR-2026-000002.zip"
    download.value.save_as(tmp_path / "trail.zip")
    with zipfile.ZipFile(tmp_path / "trail.zip") as archive:
        assert len(archive.read("trail.csv.leaves").split()) == 3
    page.goto("/admin/audit/event/")
    expect(page.locator("#standing")).not_to_contain_text("running?")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Audit trail exported")


def test_no_page_of_the_trail_scrolls_sideways_on_a_phone(ann, trail):
    page = ann(width=420)
    addresses = ["", "export/", f"{trail.pk}/change/", "?actor=system:weather&sealed=yes&subject=sub_task:1"]
    for address in addresses:
        page.goto(f"/admin/audit/event/{address}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, address
    page.goto("/admin/audit/event/")
    for name in ("Case:", "Who:"):
        assert page.get_by_label(name).bounding_box()["width"] > 100
