import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance.audit import seal
from compliance.audit.admin.filters import BoundedPaginator
from compliance.audit.models import Event, LogKey
from compliance.audit.record import actor_of
from tests.factories import person

from .conftest import EXPORT, LIST, told

WHO = "admin:audit_event_who"
CHECKPOINT = "admin:audit_event_checkpoint"
CHECKPOINT_AT = "admin:audit_event_checkpoint_at"
KEYS = "admin:audit_event_keys"


def test_it_shows_what_happened_and_who_did_it_by_name(listed, anna, tell):
    tell(actor=actor_of(anna), what="rain")
    page = listed()
    assert "rain happened to" in page
    assert f"anna (user:{anna.pk})" in page


def test_more_events_do_not_take_more_queries(listed, anna, tell):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            listed()
        return len(seen)

    tell(actor=actor_of(anna))
    seal.seal()
    tell(actor=actor_of(anna))
    few = queries()
    for _number in range(20):
        tell(actor=actor_of(person(f"clerk-{_number}")))
    seal.seal()
    for _number in range(20):
        tell(actor=actor_of(anna))
    assert queries() == few


def test_nothing_counts_the_whole_trail(listed, tell):
    tell()
    with CaptureQueriesContext(connection) as seen:
        listed()
    counts = [query["sql"] for query in seen if "COUNT(" in query["sql"] and "audit_event" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_it_goes_only_so_far_and_says_so(listed, tell, monkeypatch):
    tell()
    monkeypatch.setattr(BoundedPaginator, "MOST", Event.objects.count())
    assert "The list goes no further. Narrow it, or export it." in listed()
    monkeypatch.setattr(BoundedPaginator, "MOST", Event.objects.count() + 1)
    assert "The list goes no further" not in listed()


def test_a_sealed_event_shows_its_index_and_another_that_it_is_not_sealed(listed, tell):
    tell()
    assert listed().count("not yet sealed</span>") == Event.objects.count()
    seal.seal()
    page = listed()
    assert "not yet sealed</span>" not in page
    assert '<td class="field-in_log">0</td>' in page


def test_it_is_searched_by_case_reference(listed, tell):
    tell(case="DSR-2026-000001", what="rain")
    tell(case="DSR-2026-000002", what="snow")
    page = listed(q=" dsr-2026-000002 ")
    assert "snow happened" in page
    assert "rain happened" not in page


@pytest.mark.parametrize(
    ("narrowed", "shown"),
    [
        ({"sealed": "yes"}, {"rain"}),
        ({"sealed": "no"}, {"snow", "hail"}),
        ({"actor": "system:weather"}, {"snow"}),
        ({"actor": "system:weather", "sealed": "yes"}, set()),
        ({"actor": "nonsense"}, set()),
        ({"subject": "vendor:7"}, {"hail"}),
        ({"action": "audit.exported"}, set()),
        ({"action": "test.happened"}, {"rain", "snow", "hail"}),
    ],
)
def test_it_is_narrowed_by_seal_actor_subject_and_action(listed, tell, narrowed, shown):
    tell(what="rain")
    seal.seal()
    tell(what="snow", actor="system:weather")
    tell(what="hail", subject="vendor:7", case="")
    page = listed(**narrowed)
    assert {what for what in ("rain", "snow", "hail") if f"{what} happened" in page} == shown


# --- the box that takes an account's name


@pytest.mark.parametrize("said", ["olive", "Olive", "word"])
def test_a_name_becomes_a_word_and_stands_in_no_address(auditor, said):
    olive = person("olive", "intake")
    word = actor_of(olive)
    answer = auditor.post(reverse(WHO), {"who": word if said == "word" else said, "list": "?sealed=no&actor=user:0"})
    assert answer.status_code == 302
    assert answer.url == f"{reverse(LIST)}?sealed=no&actor=user%3A{olive.pk}"
    assert "<summary>Who: <strong>olive</strong>" in auditor.get(answer.url).content.decode()


def test_of_two_names_that_differ_by_case_the_exact_one_is_meant(auditor):
    person("olive")
    second = person("OLIVE")
    assert auditor.post(reverse(WHO), {"who": "OLIVE"}).url.endswith(f"user%3A{second.pk}")
    assert told(auditor.post(reverse(WHO), {"who": "Olive"}))


def test_a_name_that_no_database_can_look_for_is_unknown(auditor):
    assert "No account has the name" in told(auditor.post(reverse(WHO), {"who": "no\0body"}))[0]


def test_an_event_that_names_an_actor_who_cannot_be_leaves_the_list_as_it_is(listed, tell):
    tell(what="rain", only_actor="user:x")
    assert "rain happened to" in listed()


def test_an_unknown_name_is_told_and_an_empty_one_shows_everybody(auditor):
    answer = auditor.post(reverse(WHO), {"who": "nobody", "list": "?sealed=no"})
    assert answer.url == f"{reverse(LIST)}?sealed=no"
    assert "No account has the name “nobody”" in told(answer)[0]
    answer = auditor.post(reverse(WHO), {"who": " ", "list": "?sealed=no&actor=user%3A1"})
    assert answer.url == f"{reverse(LIST)}?sealed=no"
    assert auditor.get(reverse(WHO)).status_code == 405


# --- what an auditor keeps


def test_the_newest_checkpoint_and_the_one_of_a_size_are_text_to_keep(auditor, tell):
    assert auditor.get(reverse(CHECKPOINT)).status_code == 404
    tell()
    seal.seal()
    first = seal.newest()
    tell()
    seal.seal()
    newest = seal.newest()
    answer = auditor.get(reverse(CHECKPOINT))
    assert answer.content.decode() == newest.note
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="checkpoint-{newest.size}.txt"'
    assert "no-store" in answer["Cache-Control"]
    assert auditor.get(reverse(CHECKPOINT_AT, args=[first.size])).content.decode() == first.note
    for size in (newest.size + 1, 10**30):
        assert auditor.get(reverse(CHECKPOINT_AT, args=[size])).status_code == 404


def test_the_public_keys_are_text_and_a_get_makes_none(auditor, tell):
    assert auditor.get(reverse(KEYS)).status_code == 404
    assert not LogKey.objects.exists()
    seal.public_keys()
    seal.rotate()
    answer = auditor.get(reverse(KEYS))
    assert answer.content.decode().splitlines() == [key.verifier_key for key in LogKey.objects.order_by("id")]
    assert len(answer.content.splitlines()) == 2


# --- who may see it


@pytest.mark.parametrize(
    ("role", "sees"),
    [("auditor", True), ("administrator", True), ("intake", False), ("approver", False), ("vendor manager", False)],
)
def test_the_trail_is_for_auditors_and_administrators(tell, client, role, sees):
    event = tell()
    seal.seal()
    client.force_login(person("somebody", role))
    pages = [reverse(name) for name in (LIST, EXPORT, CHECKPOINT, KEYS)]
    pages += [reverse(CHECKPOINT_AT, args=[seal.newest().size]), reverse("admin:audit_event_change", args=[event.pk])]
    assert {client.get(page).status_code for page in pages} == {200 if sees else 403}
    answer = client.post(reverse(WHO), {"who": "somebody"})
    assert answer.status_code == (302 if sees else 403)


def test_the_box_takes_no_forged_post(anna):
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    assert client.post(reverse(WHO), {"who": "anna"}).status_code == 403


@pytest.mark.parametrize("superuser", [False, True])
def test_nobody_adds_or_deletes_an_event(auditor, anna, tell, superuser):
    anna.is_superuser = superuser
    anna.save()
    event = tell()
    assert auditor.get(reverse("admin:audit_event_add")).status_code == 403
    assert auditor.post(reverse("admin:audit_event_delete", args=[event.pk]), {"post": "yes"}).status_code == 403
    auditor.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
    assert Event.objects.filter(pk=event.pk).exists()
