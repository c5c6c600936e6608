"""The overview in a real browser: a day of the calendar opens its cases, and the page fits a phone."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from compliance import clock
from erasure.models import Case
from tests.erasure.admin.test_browser import people, sign_in  # noqa: F401 - fixtures
from tests.factories import opened_case

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def due(people) -> tuple[Case, Case]:  # noqa: F811
    """A case that is due in three days, and one due in four."""
    one, other = opened_case(), opened_case()
    for case, days in ((one, 3), (other, 4)):
        case.due_on = clock.today() + timedelta(days=days)
        Case.objects.filter(pk=case.pk).update(due_on=case.due_on)
    return one, other


def test_a_day_of_the_calendar_opens_its_cases_and_the_page_fits_a_phone(due, sign_in):  # noqa: F811
    one, other = due
    olive = sign_in("olive")
    olive.set_viewport_size({"width": 420, "height": 800})
    expect(olive.get_by_role("heading", name="Overview")).to_be_visible()
    olive.evaluate("document.querySelectorAll('details').forEach(shut => { shut.open = true; })")
    assert olive.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    day = olive.get_by_role("link", name=f"{one.due_on.isoformat()}: 1 case due")
    day.focus()
    olive.keyboard.press("Enter")
    expect(olive.get_by_role("link", name=one.reference)).to_be_visible()
    expect(olive.get_by_role("link", name=other.reference)).to_have_count(0)
    assert olive.url.endswith(f"?due_on={one.due_on.isoformat()}")
