"""People at the desk's pages, in a real browser: what browser tests share.

While a browser runs, its event loop keeps the test's thread from the database. So what a test needs is made before
the browser starts, and what has become of it is looked at when it has ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests import services

PATIENCE = 120_000  # milliseconds until what a page should show counts as missing: a busy machine is slow

SignIn = Callable[..., Page]


@contextmanager
def people_at(address: str, **usual: Any) -> Iterator[SignIn]:
    """Gives `sign_in("ada")`: a page of hers, in a browser session of her own, once her password is given. Options of
    the session, such as java_script_enabled, are given for all of them here, or to `sign_in` for one. What the browser
    complains of (blocked styles or scripts, errors of scripts) fails the test at the end."""
    complaints: list[str] = []
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=services.CHROMIUM, args=services.CHROMIUM_FLAGS)

        def sign_in(name: str, **options: Any) -> Page:
            page = browser.new_context(base_url=address, **{**usual, **options}).new_page()
            page.set_default_timeout(PATIENCE)
            page.on("console", lambda said: complaints.append(said.text) if "Policy" in said.text else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto("/admin/")
            page.get_by_label("Username").fill(name)
            page.get_by_label("Password").fill("password")
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url(lambda address: "/login/" not in address)
            return page

        try:
            yield sign_in
        finally:
            browser.close()
    assert not complaints


def unfold(within: Page | Locator, label: str) -> Locator:
    """Opens what is folded behind these words, such as the form of a deed, and gives it."""
    words = (within if isinstance(within, Page) else within.page).get_by_text(label, exact=True)
    folded = within.locator("details").filter(has=words)
    folded.get_by_text(label, exact=True).first.click()
    return folded
