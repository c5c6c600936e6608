"""A case by hand in a real browser, with and without JavaScript."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests import services
from tests.factories import opened_case, person, vendor

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def people(transactional_db, shop) -> None:
    """Made before the browser starts: while it runs, its event loop keeps this thread from the database."""
    vendor("Paper archive", "manual")
    opened_case()
    person("olive", "intake")
    person("ada", "approver")
    person("vera", "vendor manager")


@pytest.fixture(params=[True, False], ids=["javascript", "no javascript"])
def sign_in(request, people, live_server) -> Iterator[Callable[[str], Page]]:
    """sign_in("ada") gives a page of hers. What the browser complains of (blocked styles or scripts) fails the test."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=services.CHROMIUM, args=FLAGS)

        def sign_in(name: str) -> Page:
            context: BrowserContext = browser.new_context(base_url=live_server.url, java_script_enabled=request.param)
            page = context.new_page()
            page.on("console", lambda said: complaints.append(said.text) if "Policy" in said.text else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto("/admin/")
            page.get_by_label("Username").fill(name)
            page.get_by_label("Password").fill("password")
            page.get_by_role("button", name="Log in").click()
            return page

        try:
            yield sign_in
        finally:
            browser.close()
    assert not complaints


def test_one_opens_and_submits_another_approves_and_the_status_follows(sign_in):
    olive = sign_in("olive")
    olive.get_by_role("link", name="Cases").first.click()
    olive.get_by_role("link", name="Open a case").click()
    olive.get_by_label("Kind 1").select_option("customer_id")
    olive.get_by_label("Value 1", exact=True).fill("C-1001")
    olive.get_by_label("Kind 2").select_option("email")
    olive.get_by_label("Value 2", exact=True).fill("no address")
    olive.get_by_role("button", name="Save draft").click()
    expect(olive.get_by_text("It is not an e-mail address.")).to_be_visible()
    olive.get_by_label("Value 2", exact=True).fill("ada@example.org")
    olive.get_by_role("button", name="Save draft").click()
    expect(olive.get_by_role("heading", level=1)).to_contain_text("draft")
    expect(olive.get_by_text("Perhaps the same person")).to_be_visible()
    olive.get_by_role("button", name="Submit for approval").click()
    expect(olive.get_by_role("heading", level=1)).to_contain_text("awaiting approval")
    expect(olive.get_by_role("button", name="Approve this plan")).to_have_count(0)

    ada = sign_in("ada")
    ada.goto(olive.url)
    expect(ada.get_by_text("create-export-customer-job")).to_be_visible()
    assert "C-1001" not in ada.content()
    expect(ada.get_by_role("button", name="Approve this plan")).to_be_hidden()
    ada.get_by_text("Approve this plan").first.click()
    ada.get_by_role("button", name="Approve this plan").click()
    expect(ada.get_by_role("heading", level=1)).to_contain_text("in progress")
    expect(ada.get_by_text("To be sent: start the export.")).to_be_visible()

    work = ada.get_by_role("row", name="Paper archive")
    work.get_by_text("Confirm by hand", exact=True).first.click()
    work.get_by_label("Note").first.fill("Shredded the folder.")
    work.get_by_role("button", name="Confirm by hand").click()
    expect(ada.get_by_role("row", name="Paper archive")).to_contain_text("done")
    olive.reload()
    expect(olive.get_by_text("Shredded the folder.")).to_be_visible()


def test_a_person_is_found_and_revealed_without_an_address_that_names_them(sign_in):
    olive = sign_in("olive")
    visited: list[str] = []
    olive.on("request", lambda request: visited.append(request.url))
    olive.goto("/admin/erasure/case/")
    olive.get_by_label("Reference:").fill("ada@example.org")
    olive.get_by_role("button", name="Search").click()  # the browser itself refuses what is no reference
    olive.get_by_role("link", name="Find a person").first.click()
    olive.get_by_label("Exact text").fill("ada@example.org")
    olive.get_by_role("button", name="Find").click()
    olive.get_by_role("link", name="DSR-").click()
    row = olive.get_by_role("row", name="email").first
    row.get_by_text("Reveal").click()
    row.get_by_label("Reason").fill("To check the address.")
    row.get_by_role("button", name="Show once").click()
    expect(olive.get_by_text("ada@example.org")).to_be_visible()
    assert not [address for address in visited if "ada" in address or "example" in address]


def test_a_pasted_line_break_reaches_the_desk_and_what_was_typed_stays(sign_in):
    olive = sign_in("olive")
    olive.goto("/admin/erasure/case/")
    olive.get_by_role("link", name="DSR-").first.click()
    olive.get_by_text("Add an identifier").first.click()
    olive.get_by_label("Kind").select_option("customer_id")
    olive.get_by_label("Value").fill("C-1\nC-2")
    olive.get_by_role("button", name="Add an identifier").click()
    expect(olive.locator(".errorlist")).to_contain_text("It holds a line break")
    expect(olive.get_by_label("Value")).to_have_value("C-1\nC-2")
    expect(olive.get_by_label("Value")).to_be_focused()


@pytest.mark.parametrize("name", ["olive", "ada"])
def test_no_page_scrolls_sideways_on_a_phone(sign_in, name):
    page = sign_in(name)
    page.set_viewport_size({"width": 420, "height": 800})
    page.goto("/admin/erasure/case/")
    page.get_by_role("link", name="DSR-").first.click()
    addresses = [page.url, "/admin/", "/admin/erasure/case/", "/admin/erasure/case/find/"]
    addresses += ["/admin/erasure/case/add/", page.url.replace("change", "edit")] if name == "olive" else []
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(shut => { shut.open = true; })")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, address


def test_a_vendor_account_is_added_and_a_wrong_host_names_the_setting(sign_in):
    vera = sign_in("vera")
    vera.goto("/admin/erasure/vendor/")
    vera.get_by_role("link", name="Add a vendor account").click()
    vera.get_by_role("button", name="Continue").click()
    vera.get_by_label("Name:", exact=True).fill("Forum")
    vera.get_by_label("Base address").fill("https://api.forum.example")
    vera.get_by_label("User:").fill("desk")
    vera.get_by_label("Password").fill("not to be seen again")
    vera.get_by_role("button", name="Save").click()
    expect(vera.locator(".errorlist")).to_contain_text("VENDOR_HOSTS")
    vera.get_by_label("Base address").fill("http://127.0.0.1:9")
    vera.get_by_label("User:").fill("desk")
    vera.get_by_label("Password").fill("not to be seen again")
    vera.get_by_role("button", name="Save").click()
    expect(vera.get_by_text("Forum was saved.")).to_be_visible()
    assert "not to be seen again" not in vera.content()
