"""What Prometheus is told, read as Prometheus reads it."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from compliance import clock
from compliance.audit import anchor, seal
from compliance.staff import tokens
from compliance.staff.models import ServiceToken
from erasure import vendors
from erasure.models import CallCount, Case, SubTask, Vendor, WorkerHost
from erasure.states import Pause, SubTaskStatus, Verdict
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def prometheus(client):
    _token, text = tokens.issue("prometheus", ["metrics:read"])
    return lambda: client.get("/metrics", headers={"Authorization": f"Bearer {text}"})


@pytest.fixture
def scraped(prometheus):
    """The sample of this name with these labels, as a scrape gives it now; None if there is none."""

    def scrape(name: str, **labels: str) -> float | None:
        found = samples(prometheus().content.decode())
        return found.get((f"erasure_desk_{name}", tuple(sorted(labels.items()))))

    return scrape


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_take_a_token_with_their_scope(client, prometheus):
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer desk_x"}).status_code == 401
    _token, text = tokens.issue("crm", ["cases:read", "audit:read"])
    assert client.get("/metrics", headers={"Authorization": f"Bearer {text}"}).status_code == 403
    reply = prometheus()
    assert reply.status_code == 200
    assert reply["Content-Type"].startswith("text/plain; version=")
    tokens.revoke(ServiceToken.objects.get(account__username="prometheus"), actor="system:command")
    assert prometheus().status_code == 401


def test_a_database_that_is_away_is_503_and_no_half_an_answer(prometheus, monkeypatch):
    def away():
        raise OperationalError("connection refused")

    monkeypatch.setattr("erasure.vitals.overdue", away)
    reply = prometheus()
    assert reply.status_code == 503
    assert b"erasure_desk" not in reply.content


def test_due_work_is_told_for_each_account_and_since_when(scraped, turn_clock):
    turn_clock(timedelta(0))
    factories.vendor()
    factories.vendor("Paper archive", "manual")
    factories.approved_case()
    factories.approved_case()
    turn_clock(timedelta(minutes=10))
    assert scraped("vendor_due_work", vendor="shop-search") == 2
    assert scraped("vendor_oldest_due_seconds", vendor="shop-search") >= 600
    assert scraped("vendor_due_work", vendor="paper-archive") == 0
    assert scraped("vendor_oldest_due_seconds", vendor="paper-archive") == 0


def test_what_is_on_hold_or_of_a_disabled_account_is_not_due(scraped, turn_clock):
    turn_clock(timedelta(0))
    vendor = factories.vendor()
    case = factories.approved_case()
    turn_clock(timedelta(minutes=1))
    Case.objects.filter(pk=case.pk).update(held_at=clock.now())
    assert scraped("vendor_due_work", vendor="shop-search") == 0
    Case.objects.filter(pk=case.pk).update(held_at=None)
    assert scraped("vendor_due_work", vendor="shop-search") == 1
    Vendor.objects.filter(pk=vendor.pk).update(enabled=False)
    assert scraped("vendor_due_work", vendor="shop-search") is None


def test_a_paused_account_is_told_with_why(scraped):
    vendor = factories.vendor()
    assert scraped("vendor_state", vendor="shop-search", state="working") == 1
    vera = factories.person("vera", "vendor manager")
    vendors.pause(vendor, Pause.BY_HAND, "moving", clock.now(), trial_at=None, by=vera)
    assert scraped("vendor_state", vendor="shop-search", state="working") == 0
    assert scraped("vendor_state", vendor="shop-search", state="by_hand") == 1


def test_work_that_needs_attention_is_counted(scraped):
    factories.vendor()
    work = factories.work(factories.approved_case())
    SubTask.objects.filter(pk=work.pk).update(status=SubTaskStatus.NEEDS_ATTENTION, attention_code="defect")
    assert scraped("vendor_needs_attention", vendor="shop-search") == 1


def test_calls_are_a_counter_by_what_came_of_them(scraped):
    vendor = factories.vendor()
    for verdict in (Verdict.OK, Verdict.OK, Verdict.UNKNOWN):
        CallCount.add(vendor, verdict)
    assert scraped("vendor_calls_total", vendor="shop-search", verdict="ok") == 2
    assert scraped("vendor_calls_total", vendor="shop-search", verdict="unknown") == 1


def test_the_trail_is_told_sealed_and_unsealed(scraped, turn_clock):
    turn_clock(timedelta(0))
    factories.person("ada", "approver")
    unsealed = scraped("trail_unsealed_events")
    turn_clock(timedelta(seconds=40))
    assert unsealed > 0
    assert scraped("trail_oldest_unsealed_seconds") >= 40
    seal.seal()
    assert scraped("trail_unsealed_events") == 0
    assert scraped("trail_oldest_unsealed_seconds") == 0
    assert scraped("trail_sealed_events") >= unsealed


def test_an_anchor_is_told_with_what_it_has(scraped, settings, tmp_path):
    settings.AUDIT_ANCHOR = [f"file://{tmp_path}"]
    factories.person("ada", "approver")
    seal.seal()
    (place,) = [each.place for each in anchor.standing()]
    assert scraped("trail_anchored_events", place=place) == 0
    anchor.anchor_all(seal.newest())
    assert scraped("trail_anchored_events", place=place) == scraped("trail_sealed_events")
    assert scraped("trail_anchor_behind", place=place) == 0


def test_cases_are_told_open_overdue_and_at_risk(scraped, turn_clock):
    factories.vendor()
    case = factories.opened_case()
    factories.opened_case(submit=True)
    Case.objects.filter(pk=case.pk).update(at_risk=True)
    assert scraped("cases_open", status="draft") == 1
    assert scraped("cases_open", status="awaiting_approval") == 1
    assert scraped("cases_open", status="completed") is None
    assert scraped("cases_at_risk") == 1
    assert scraped("cases_overdue") == 0
    turn_clock(timedelta(days=90))
    assert scraped("cases_overdue") == 2


def test_hosts_are_told_with_when_they_last_worked(scraped):
    at = clock.now()
    WorkerHost.objects.create(name="desk-2.example", seen_at=at)
    assert scraped("worker_seen_timestamp_seconds", host="desk-2.example") == pytest.approx(at.timestamp())


def test_the_age_of_the_ring_key_is_told_and_a_lost_ring_leaves_the_rest(scraped, settings, tmp_path):
    assert scraped("key_active_seconds") >= 0
    settings.KEY_RING = tmp_path / "nowhere.json"
    assert scraped("key_active_seconds") is None
    assert scraped("cases_overdue") == 0


def test_nothing_of_a_person_is_told(prometheus):
    factories.vendor()
    case = factories.approved_case()
    text = prometheus().content.decode()
    for secret in ("ada@example.org", "C-1001", case.reference):
        assert secret not in text
    assert len(samples(text)) > 10


def test_many_cases_ask_no_more_of_the_database(prometheus, turn_clock):
    turn_clock(timedelta(0))  # the use of a token is noted once a minute
    factories.vendor()
    factories.approved_case()
    prometheus()
    with CaptureQueriesContext(connection) as few:
        prometheus()
    for _number in range(5):
        factories.approved_case()
    with CaptureQueriesContext(connection) as many:
        prometheus()
    assert len(many) == len(few)
