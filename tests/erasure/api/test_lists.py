from datetime import UTC, datetime, timedelta

import pytest

from compliance.audit import verify
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
    }


def test_what_was_written_about_a_pause_by_hand_stays_inside(crm):
    shop = Vendor.objects.get(slug="shop-search")
    vendors.pause(shop, Pause.BY_HAND, "Ask Ada Lovelace", START, trial_at=None)
    assert "Ada" not in crm.get("/api/v1/vendors/").content.decode()


# --- the trail --------------------------------------------------------------------------------------------------------


def test_the_trail_comes_in_pages_in_the_order_of_the_log(crm, seven):
    whole = crm.get("/api/v1/audit/?limit=1000").json()["results"]
    pages = walk(crm, "/api/v1/audit/?limit=20")
    assert [row for page in pages for row in page] == whole
    assert {row["index"] for row in whole} == {None}
    assert next(row["action"] for row in whole if row["case"] == seven[0]) == "case.opened"


@pytest.mark.parametrize(("form", "media_type"), [("csv", "text/csv"), ("jsonl", "application/jsonl")])
def test_the_trail_comes_as_a_stream_that_the_verifier_reads(crm, seven, form, media_type, tmp_path):
    response = crm.get(f"/api/v1/audit/?format={form}")
    assert response.streaming
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert response.headers["Audit-Tree-Size"] == "0"
    file = tmp_path / f"trail.{form}"
    file.write_bytes(b"".join(response.streaming_content))
    assert verify.run(file)[0] == 0
    assert seven[0] in file.read_text()


def test_the_trail_of_one_case(crm, seven):
    rows = crm.get(f"/api/v1/audit/?case={seven[2]}").json()["results"]
    assert rows
    assert {row["case"] for row in rows} == {seven[2]}


def test_the_trail_of_a_time(crm, seven):
    query = "since=2026-11-20T12:01:00Z&until=2026-11-20T12:02:00Z"
    rows = crm.get(f"/api/v1/audit/?{query}").json()["results"]
    assert {row["case"] for row in rows} == {seven[1]}
    assert crm.get("/api/v1/audit/?since=2026-11-19&until=2026-11-19").json()["results"] == []
    assert crm.get("/api/v1/audit/?since=2026-11-20&until=2026-11-20").json()["results"]


def test_no_row_is_beyond_an_index_while_none_is_sealed(crm, seven):
    response = crm.get("/api/v1/audit/?after_index=0")
    assert response.json() == {"results": [], "next": None, "previous": None}
    assert response.headers["Audit-Tree-Size"] == "0"


def test_a_stream_can_be_cut(crm, seven):
    lines = b"".join(crm.get("/api/v1/audit/?format=jsonl&limit=2").streaming_content).splitlines()
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("case=anna@example.org", "/case"),
        ("after_index=x", "/after_index"),
        ("since=2026-11-20T12:00:00", "/since"),
        ("until=never", "/until"),
        ("since=2026-11-21&until=2026-11-19", "/until"),
        ("limit=1001", "/limit"),
        ("format=xml", "/format"),
        ("format=csv&cursor=x", "/cursor"),
        ("cursor=WyJuZXh0IiwgIngiXQ==", "/cursor"),
    ],
)
def test_a_wrong_question_to_the_trail_is_refused(crm, query, pointer):
    assert pointer in pointers(refused(crm.get(f"/api/v1/audit/?{query}"), 422, "invalid"))


def test_there_is_no_checkpoint_yet(crm):
    refused(crm.get("/api/v1/audit/checkpoint/"), 404, "nothing_sealed")
    refused(crm.get("/api/v1/audit/checkpoint/?size=5"), 404, "nothing_sealed")
