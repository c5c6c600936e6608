"""The pictures of `docs/screenshots/`, by one command: `make screenshots`.

Not a part of the suite (pytest takes it up only by its name): it makes files. The sample desk is that of the tests, its
clock stands still. A further picture is one line of `PICTURES`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import sync_playwright

from tests import sample_desk, services
from tests.factories import person

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
NOW = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
MOST = 3 * 1024 * 1024  # bytes of all of them


#: Where a part of the page begins, and where the page ends.
EXTENT = """part => [
    document.querySelector(part).getBoundingClientRect().top, document.documentElement.scrollHeight
]"""


class Picture(NamedTuple):
    """A page (a name of `sample_desk.PAGES`), who looks at it, the part of it that stands at the top, and how many
    pixels of it are shown at most."""

    page: str
    who: str
    part: str = "body"
    tallest: int = 1000


PICTURES = {
    "home": Picture("home", "ada", tallest=1400),
    "cases": Picture("cases", "ada"),
    "case-draft": Picture("case-draft", "olive"),
    "case-running": Picture("case-running", "ada"),
    "case-attention": Picture("case-attention", "ada"),
    "case-done": Picture("case-done", "ada"),
    "plan-preview": Picture("case-awaiting", "ada", "#plan-1"),
    "vendor": Picture("vendor", "root"),
    "import-preview": Picture("import-preview", "root"),
    "trail": Picture("trail", "root"),
}


@pytest.fixture
def desk(transactional_db, turn_clock) -> dict[str, str]:
    turn_clock(NOW)
    return sample_desk.addresses(sample_desk.fill())


@pytest.fixture
def sessions(desk) -> dict[str, str]:
    found = {}
    for name in {picture.who for picture in PICTURES.values()}:
        client = Client()
        client.force_login(person(name))
        found[name] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return found


def test_pictures_are_taken_light_and_dark(desk, sessions, live_server):
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=services.CHROMIUM, args=services.CHROMIUM_FLAGS)
        for name, picture in PICTURES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    base_url=live_server.url,
                    color_scheme=scheme,
                    reduced_motion="reduce",
                    viewport={"width": 1280, "height": 800},
                )
                session = sessions[picture.who]
                context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
                page = context.new_page()
                page.goto(desk[picture.page])
                top, bottom = page.evaluate(EXTENT, picture.part)
                area = {"x": 0, "y": top, "width": 1280, "height": min(bottom - top, picture.tallest)}
                page.screenshot(path=FOLDER / f"{name}-{scheme}.png", full_page=True, clip=area, animations="disabled")
                context.close()
        browser.close()
    assert sum(picture.stat().st_size for picture in FOLDER.glob("*.png")) < MOST
