from datetime import UTC, datetime, timedelta

import pytest

from compliance import clock
from erasure import lifecycle, vendors
from erasure.models import Case, Vendor
from erasure.states import Pause
from tests import factories
from tests.erasure.api.conftest import pointers, refused

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def walk(client, url: str, way: str = "next") -> list[list[dict]]:
    """The results of each page, following one link; at most twenty."""
    found = []
    for _ in range(20):
        page = client.get(url).json()
        found.append(page["results"])
        if not page[way]:
            return found
        url = page[way]
    raise AssertionError("the pages have no end")


def names(pages: list[list[dict]]) -> list[str]:
    return [item["reference"] for page in pages for item in page]


@pytest.fixture
def seven(vendors, opened, turn_clock):
    """Seven cases, a minute apart but for two of one moment."""
    turn_clock(START)
    references = []
    for number in range(7):
        references.append(opened(received_at=None)["reference"])
        if number != 3:
            turn_clock(timedelta(minutes=1))
    return references


def test_pages_hold_every_case_once_newest_first(crm, seven):
    pages = walk(crm, "/api/v1/cases/?limit=3")
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(names(pages)) == seven
    assert names(pages)[:2] == seven[:-3:-1]


def test_pages_can_be_walked_back(crm, seven):
    first = crm.get("/api/v1/cases/?limit=3").json()
    assert first["previous"] is None
    second = crm.get(first["next"]).json()
    third = crm.get(second["next"]).json()
    assert third["next"] is None
    back = crm.get(third["previous"]).json()
    assert back["results"] == second["results"]
    assert crm.get(back["previous"]).json()["results"] == first["results"]
    assert crm.get(back["previous"]).json()["previous"] is None


def test_a_case_opened_meanwhile_moves_nothing(crm, seven, opened):
    first = crm.get("/api/v1/cases/?limit=3").json()
    opened(received_at=None)
    rest = walk(crm, first["next"])
    assert sorted(names([first["results"], *rest])) == seven


def test_updated_after_gives_the_oldest_change_first_and_loses_none(crm, seven, turn_clock):
    since = (START + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    url = f"/api/v1/cases/?updated_after={since}&limit=2"
    pages = walk(crm, url)
    assert sorted(names(pages)) == seven[2:]  # strictly after
    times = [item["updated_at"] for page in pages for item in page]
    assert times == sorted(times)
    first = crm.get(url).json()
    turn_clock(timedelta(minutes=1))
    changed = Case.objects.get(reference=first["results"][0]["reference"])
    lifecycle.hold(changed, by=factories.person("olive"))
    rest = names(walk(crm, first["next"]))
    assert rest[-1] == changed.reference  # seen again, at the end
    assert {*names([first["results"]]), *rest} == set(seven[2:])


def test_filters_narrow_the_list_and_stay_in_the_links(crm, seven, opened):
    done = opened(kind="export", submit=True, received_at="2026-01-05T10:00:00Z")["reference"]
    for query in ("status=awaiting_approval", "kind=export", "due_before=2026-03-01", "status=awaiting_approval&kind="):
        assert names(walk(crm, f"/api/v1/cases/?{query}")) == [done]
    assert crm.get("/api/v1/cases/?due_before=2026-02-05").json()["results"] == []
    page = crm.get("/api/v1/cases/?status=draft&limit=3").json()
    assert "status=draft" in page["next"]
    assert done not in names(walk(crm, "/api/v1/cases/?status=draft&limit=3"))


def test_all_filters_left_empty_are_no_filter(crm, seven):
    assert len(crm.get("/api/v1/cases/?status=&kind=&due_before=&updated_after=").json()["results"]) == 7


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("status=lost", "/status"),
        ("kind=oblivion", "/kind"),
        ("due_before=tomorrow", "/due_before"),
        ("updated_after=2026-11-20T12:00:00", "/updated_after"),
        ("updated_after=2026-11-20", "/updated_after"),
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=many", "/limit"),
        ("limit=" + "9" * 5000, "/limit"),
        ("cursor=!", "/cursor"),
        ("cursor=WyJuZXh0Il0=", "/cursor"),
        ("cursor=WyJuZXh0IiwgIjIwMjYtMTEtMjAiLCAieCJd", "/cursor"),
        ("stauts=draft", "/stauts"),
    ],
)
def test_a_filter_that_is_wrong_is_refused_not_ignored(crm, query, pointer):
    assert pointer in pointers(refused(crm.get(f"/api/v1/cases/?{query}"), 422, "invalid"))


def test_vendors_say_what_they_do_and_how_they_are(crm):
    archive, shop = crm.get("/api/v1/vendors/").json()["results"]
    assert (shop["slug"], shop["connector"], shop["enabled"]) == ("shop-search", "apptus", True)
    assert set(shop["operations"]) == {"erase", "export"}
    assert shop["identifier_kinds"] == ["customer_id", "customer_key", "visitor_id"]
    assert shop["health"]["status"] == "ok"
    assert archive["operations"] == ["erase", "restrict", "unrestrict", "export"]
    assert "let-me-in" not in crm.get("/api/v1/vendors/").content.decode()


def test_a_paused_vendor_says_why(crm):
    shop = Vendor.objects.get(slug="shop-search")
    vendors.pause(shop, Pause.CREDENTIALS, "Apptus refuses the credentials.", START, trial_at=START)
    health = crm.get("/api/v1/vendors/").json()["results"][1]["health"]
    assert health == {
        "status": "paused",
        "code": "credentials",
        "text": "Apptus refuses the credentials.",
        "since": "2026-11-20T12:00:00Z",
        "trial_at": "2026-11-20T12:00:00Z",
        "waits_until": None,
    }


def test_a_vendor_whose_quota_is_used_up_says_until_when_nothing_is_sent(crm):
    later = clock.now().replace(microsecond=0) + timedelta(days=3)
    Vendor.objects.filter(slug="shop-search").update(not_before=START, quota_until=later)
    health = crm.get("/api/v1/vendors/").json()["results"][1]["health"]
    assert (health["status"], health["waits_until"]) == ("ok", f"{later:%Y-%m-%dT%H:%M:%SZ}")


def test_what_was_written_about_a_pause_by_hand_stays_inside(crm):
    shop = Vendor.objects.get(slug="shop-search")
    vendors.pause(shop, Pause.BY_HAND, "Ask Ada Lovelace", START, trial_at=None)
    assert "Ada" not in crm.get("/api/v1/vendors/").content.decode()
