"""A case by hand in a real browser, with and without JavaScript."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browsing import SignIn, people_at
from tests.factories import opened_case, person, vendor

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
def sign_in(request, people, live_server) -> Iterator[SignIn]:
    with people_at(live_server.url, java_script_enabled=request.param) as sign_in:
        yield sign_in


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

    work = ada.get_by_role("article", name="Paper archive")
    work.get_by_text("Confirm by hand", exact=True).first.click()
    work.get_by_label("Note").first.fill("Shredded the folder.")
    large = {"name": "ada.png", "mimeType": "image/png", "buffer": b"x" * (5 * 1024 * 1024 + 1)}
    work.get_by_label("File").set_input_files(large)
    work.get_by_role("button", name="Confirm by hand").click()
    expect(ada.locator("ul.errorlist")).to_contain_text("The file is larger than 5 MiB.")
    work.get_by_label("File").set_input_files(large | {"buffer": b"a picture"})
    work.get_by_role("button", name="Confirm by hand").click()
    expect(ada.get_by_role("article", name="Paper archive erase")).to_contain_text("done")
    olive.reload()
    expect(olive.get_by_text("Shredded the folder.")).to_be_visible()
    expect(olive.locator("#evidence")).to_contain_text("attestation-")


def test_a_person_is_found_and_revealed_without_an_address_that_names_them(sign_in):
    olive = sign_in("olive")
    visited: list[str] = []
    olive.on("request", lambda request: visited.append(request.url))
    olive.goto("/admin/erasure/case/")
    olive.get_by_label("Find a case or a person").fill("ada@example.org")
    olive.get_by_role("button", name="Find").click()
    olive.get_by_role("link", name="DSR-").click()
    expect(olive.get_by_role("heading", level=1)).to_contain_text("draft")
    olive.go_back()  # no question whether to send anything again
    expect(olive.get_by_role("heading", name="1 case")).to_be_visible()
    olive.get_by_role("link", name="DSR-").click()
    row = olive.get_by_role("row", name="email").first
    row.get_by_text("Reveal").click()
    row.get_by_label("Reason").fill("To check the address.")
    row.get_by_role("button", name="Show once").click()
    expect(olive.get_by_text("ada@example.org")).to_be_visible()
    # A case's number in its address may spell "ada" by chance.
    assert not [address for address in visited if "ada@" in address or "ada%40" in address or "example" in address]


def test_a_queue_leads_to_its_case_and_back(sign_in):
    olive = sign_in("olive")
    olive.goto("/admin/erasure/case/")
    queues = olive.get_by_role("navigation", name="Queues")
    expect(queues.get_by_role("link", name="All cases")).to_have_attribute("aria-current", "page")
    queues.get_by_role("link", name="Drafts").click()
    expect(olive).to_have_url(re.compile(r"\?queue=drafts$"))
    expect(olive.get_by_text("Complete a draft, then submit it")).to_be_visible()
    filters = olive.get_by_role("navigation", name="Filter")
    filters.get_by_text("Law", exact=True).click()
    filters.get_by_role("link", name="GDPR", exact=True).click()
    expect(olive.get_by_text("1 filter:")).to_be_visible()
    olive.get_by_role("link", name="DSR-").click()
    expect(olive.get_by_role("heading", level=1)).to_contain_text("draft")
    olive.go_back()
    expect(queues.get_by_role("link", name="Drafts")).to_have_attribute("aria-current", "page")
    queues.get_by_role("link", name="On hold").click()
    expect(olive.get_by_text("No case of this queue matches.")).to_be_visible()
    olive.get_by_title("Remove this filter").click()
    expect(olive.get_by_text("No case is on hold.")).to_be_visible()
    filters.get_by_text("Answer due", exact=True).click()
    olive.get_by_label("From").fill("2020-01-01")
    olive.get_by_label("To", exact=True).fill("2020-01-31")
    olive.get_by_role("button", name="Show").click()
    expect(olive.get_by_text("from 2020-01-01, to 2020-01-31")).to_be_visible()
    expect(queues.get_by_role("link", name="On hold")).to_have_attribute("aria-current", "page")


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
    page.wait_for_url("**/change/")
    addresses = [page.url, "/admin/", "/admin/erasure/case/", "/admin/erasure/case/find/"]
    addresses += ["/admin/erasure/case/add/", page.url.replace("change", "edit")] if name == "olive" else []
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(shut => { shut.open = true; })")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, address
    page.goto(addresses[0])
    card = page.locator(".case-card").first
    assert card.evaluate("card => card.scrollWidth <= card.clientWidth"), "a plan needs no scrolling sideways either"


def test_a_vendor_account_is_added_and_a_wrong_host_names_the_setting(sign_in):
    vera = sign_in("vera")
    vera.goto("/admin/erasure/vendor/")
    vera.get_by_role("link", name="Add a vendor account").click()
    vera.get_by_role("link", name="Apptus eSales").click()
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
