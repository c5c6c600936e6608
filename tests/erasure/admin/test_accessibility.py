"""Every page of the admin, for everyone: no barrier that axe finds, light and dark, wide and narrow, right-to-left and
at 200 %; and nothing on it that comes from elsewhere or that the browser's policy blocks."""

from base64 import b32decode
from collections.abc import Iterator
from datetime import timedelta

import django_otp
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from playwright.sync_api import BrowserContext, Page, sync_playwright

from compliance import clock
from tests import sample_desk, services
from tests.browsing import PATIENCE
from tests.compliance.staff.signing_in import CODE_PAGE, SET_UP_PAGE, with_device
from tests.factories import person

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: With `preload` axe fetches every style sheet again, for one rule that concerns none of these pages.
OPTIONS = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"], "preload": False}
OPEN_ALL = "document.querySelectorAll('details').forEach(shut => { shut.open = true; })"
COLOURS = ["color-contrast", "link-in-text-block"]
#: How far a page reaches beyond the window, at either side.
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
REMEMBER = "addEventListener('securitypolicyviolation', event => console.error('Policy: ' + event.blockedURI))"


@pytest.fixture
def addresses(transactional_db) -> dict[str, str]:
    """Made before the browser starts: while it runs, its event loop keeps this thread from the database."""
    return sample_desk.addresses(sample_desk.fill())


@pytest.fixture
def session(addresses) -> str:
    client = Client()
    client.force_login(person("root"))
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture
def browser(addresses, session, live_server) -> Iterator:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=services.CHROMIUM, args=services.CHROMIUM_FLAGS)
        yield browser
        browser.close()


def signed_in(browser, live_server, session: str, **options) -> tuple[BrowserContext, Page, list[str]]:
    """A context of the administrator's, a page of it, and what that complains of while it is used."""
    context = browser.new_context(base_url=live_server.url, **options)
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    complaints: list[str] = []
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.add_init_script(REMEMBER)
    page.on("console", lambda said: complaints.append(said.text) if "Policy" in said.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    ours = (live_server.url, "data:", "blob:")
    page.on("request", lambda sent: None if sent.url.startswith(ours) else complaints.append(f"left for {sent.url}"))
    return context, page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_and_nothing_leaves_the_desk(browser, live_server, session, addresses, scheme):
    """What is dark differs in its colours alone."""
    context, page, complaints = signed_in(browser, live_server, session, color_scheme=scheme, reduced_motion="reduce")
    options = OPTIONS if scheme == "light" else OPTIONS | {"runOnly": {"type": "rule", "values": COLOURS}}
    found: list[str] = []
    heard: list[str] = []
    for name, address in addresses.items():
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address)
        page.evaluate(OPEN_ALL)
        heard += complaints
        for width in (1280, 420):
            page.set_viewport_size({"width": width, "height": 900})
            for barrier in Axe().run(page, options=options).response["violations"]:
                nodes = "; ".join(node["html"][:160] for node in barrier["nodes"][:3])
                found.append(f"{name} at {width}: {barrier['id']} ({barrier['help']}): {nodes}")
        complaints.clear()  # axe itself writes styles into the page
    context.close()
    assert "\n".join(found) == ""
    assert heard == []


def test_the_sign_in_page_has_no_barrier(browser, live_server):
    page = browser.new_context(base_url=live_server.url).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto("/admin/")
    assert [barrier["id"] for barrier in Axe().run(page, options=OPTIONS).response["violations"]] == []


@pytest.fixture
def signing_in(addresses, settings, turn_clock) -> dict[str, tuple[str, str]]:
    """The pages around a sign-in: by their name, the address and the session of somebody who sees it."""
    settings.SECOND_FACTOR = True
    new, known = (person(name, "administrator") for name in ("new", "known"))
    device, _codes = with_device(known)
    old = _session(known, device)
    turn_clock(timedelta(hours=1))
    fresh = _session(known, device)
    return {
        "set up the second factor": (SET_UP_PAGE, _session(new)),
        "give a code": (CODE_PAGE, _session(known)),
        "one's own second factor": (reverse("admin:second_factor"), fresh),
        "change the device": (SET_UP_PAGE, fresh),
        "reset somebody's": (reverse("admin:staff_user_reset", args=[person("olive").pk]), fresh),
        "is it still you": (SET_UP_PAGE, old),
    }


def _session(account, device=None) -> str:
    client = Client()
    client.force_login(account)
    if device:
        request = HttpRequest()
        request.user, request.session = account, client.session
        django_otp.login(request, device)
        request.session.save()
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def test_the_pages_around_a_sign_in_have_no_barrier(signing_in, browser, live_server):
    found: list[str] = []

    def look(page: Page, name: str) -> None:
        for width in (1280, 420):
            page.set_viewport_size({"width": width, "height": 900})
            barriers = Axe().run(page, options=OPTIONS).response["violations"]
            found.extend(f"{name} at {width}: {barrier['id']}" for barrier in barriers)
            if beyond := page.evaluate(SIDEWAYS):
                found.append(f"{name} at {width}: {beyond} px sideways")

    for scheme in ("light", "dark"):
        for name, (address, session) in signing_in.items():
            context, page, complaints = signed_in(browser, live_server, session, color_scheme=scheme)
            page.goto(address)
            assert page.url.endswith(address)
            found += complaints
            look(page, f"{name}, {scheme}")
            context.close()
    address, session = signing_in["set up the second factor"]
    _context, page, _complaints = signed_in(browser, live_server, session)
    page.goto(address)
    app = TOTP(b32decode(page.locator(".staff-key").inner_text().replace(" ", "")))
    app.time = clock.now().timestamp()
    page.get_by_label("Code").fill(f"{app.token():06}")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    look(page, "recovery codes")
    assert found == []


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
@pytest.mark.parametrize(("language", "direction"), [("de", "ltr"), ("ar", "rtl")])
def test_at_200_percent_and_on_a_phone_no_page_scrolls_sideways_in_any_direction(
    browser, live_server, session, addresses, settings, language, direction, javascript
):
    """640 px is a window of 1280 px at 200 %, 390 px a phone; German words are long, Arabic goes from right to left."""
    settings.LANGUAGES = [*settings.LANGUAGES, ("ar", "Arabic")]
    context, page, _complaints = signed_in(
        browser, live_server, session, viewport={"width": 640, "height": 480}, java_script_enabled=javascript
    )
    context.add_cookies([{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": live_server.url}])
    wide: list[str] = []
    for name, address in addresses.items():
        page.goto(address)
        # Without scripts of the page, what a test asks for still runs.
        assert page.evaluate("document.documentElement.dir") == direction or name == "nothing-there"
        page.evaluate(OPEN_ALL)
        for width in (640, 390):
            page.set_viewport_size({"width": width, "height": 480})
            if (beyond := page.evaluate(SIDEWAYS)) > 0:
                wide.append(f"{name} at {width}: {beyond} px")
    context.close()
    assert wide == []
