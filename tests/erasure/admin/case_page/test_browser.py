"""A case that is under way, in a real browser: followed with JavaScript, reloaded without, and on paper."""

import pytest
from playwright.sync_api import expect

from tests.erasure.admin.test_browser import sign_in  # noqa: F401
from tests.factories import approved_case, person, vendor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def people(transactional_db, shop) -> None:
    """Made before the browser starts: while it runs, its event loop keeps this thread from the database."""
    vendor("Paper archive", "manual")
    approved_case()
    person("olive", "intake")
    person("ada", "approver")


def shown(sign_in, name):  # noqa: F811
    page = sign_in(name)
    page.goto("/admin/erasure/case/")
    page.get_by_role("link", name="DSR-").first.click()
    return page


def test_a_case_under_way_is_followed_and_what_is_typed_or_open_stays(sign_in, request):  # noqa: F811
    with_javascript = "no javascript" not in request.node.name
    olive, ada = shown(sign_in, "olive"), shown(sign_in, "ada")
    olive.get_by_text("What will be done, as it was approved").click()
    olive.get_by_text("Add a note", exact=True).first.click()
    olive.get_by_label("Note").first.fill("Half a sente")
    ada.get_by_text("Put the case on hold", exact=True).first.click()
    ada.get_by_role("button", name="Put the case on hold").click()
    expect(ada.get_by_role("heading", level=1)).to_contain_text("on hold")

    if not with_javascript:
        olive.get_by_role("link", name="Reload").click()
        expect(olive.get_by_role("heading", level=1)).to_contain_text("on hold")
        return
    olive.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(olive.get_by_role("heading", level=1)).to_contain_text("on hold")
    expect(olive.locator("#live-said")).to_contain_text("on hold")
    expect(olive.locator("#live-notice")).to_be_hidden()
    assert olive.get_by_label("Note").first.input_value() == "Half a sente"
    assert olive.locator("#approved-1").evaluate("fold => fold.open")

    ada.get_by_text("Cancel the case", exact=True).first.click()
    ada.locator("select[name=reason]").select_option("withdrawn")
    ada.get_by_role("button", name="Cancel the case").click()
    expect(ada.get_by_role("heading", level=1)).to_contain_text("cancelled")
    olive.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(olive.get_by_role("heading", level=1)).to_contain_text("cancelled")
    expect(olive.locator("#live-notice")).to_contain_text("has changed while you were writing")
    assert olive.get_by_label("Note").first.input_value() == "Half a sente"


def test_whoever_is_signed_out_is_told_and_nothing_is_lost(sign_in, request):  # noqa: F811
    if "no javascript" in request.node.name:
        pytest.skip("nothing follows the case")
    olive = shown(sign_in, "olive")
    olive.get_by_text("Add a note", exact=True).first.click()
    olive.get_by_label("Note").first.fill("Half a sente")
    olive.context.clear_cookies()
    olive.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(olive.locator("#live-notice")).to_contain_text("you have been signed out")
    assert olive.get_by_label("Note").first.input_value() == "Half a sente"


def test_on_paper_there_is_no_button_and_nothing_is_folded(sign_in):  # noqa: F811
    olive = shown(sign_in, "olive")
    olive.emulate_media(media="print")
    expect(olive.get_by_role("heading", name="What happened")).to_be_visible()
    for hidden in (".case-actions", ".case-filter", "#header"):
        expect(olive.locator(hidden).first).to_be_hidden()
    assert not [item for item in olive.locator(".case input[type=submit], .case button").all() if item.is_visible()]
