"""How accounts do, in the list and on their pages: three levels, the queue, the quota, the calls."""

from datetime import timedelta

import pytest
from django.urls import reverse

from compliance import clock
from erasure import lifecycle, vendors
from erasure.admin import queues, vendor_calls
from erasure.admin.vendor_health import Level, annotated, health_of
from erasure.models import Call, SubTask, Vendor
from erasure.states import Pause, SubTaskStatus, Verdict
from tests.factories import approved_case, person, vendor, work

LIST = "admin:erasure_vendor_changelist"


def health(account):
    return health_of(annotated(Vendor.objects.all(), clock.now()).get(pk=account.pk), clock.now())


def called(account, *verdicts, ago=timedelta(minutes=5)):
    at = clock.now() - ago
    for verdict in verdicts:
        Call.objects.create(
            vendor=account,
            step="start_export",
            writes=True,
            started_at=at,
            lease_until=at,
            finished_at=at if verdict else None,
            verdict=verdict,
        )


def move(sub_task, **values):
    SubTask.objects.filter(pk=sub_task.pk).update(**values)


def attention():
    sub_task = work(approved_case())
    move(sub_task, status=SubTaskStatus.NEEDS_ATTENTION, attention_code="refused", next_at=None)


@pytest.fixture
def manager(signed_in):
    return signed_in("vera", "vendor manager")


def test_an_account_without_trouble_is_running(shop):
    called(shop, *[Verdict.OK] * 5)
    assert health(shop) == health_of(annotated(Vendor.objects.all(), clock.now()).get(), clock.now())
    assert health(shop).level == Level.RUNNING
    assert health(shop).why == ()


@pytest.mark.parametrize(
    ("code", "level", "words"),
    [
        (Pause.CREDENTIALS, Level.ACT, "account settings or credentials are wrong. Correct them here"),
        (Pause.FAILURES, Level.ACT, "Paused after failures (6 in a row): tried again with one call at "),
        (Pause.BY_HAND, Level.LOOK, "nothing is sent until somebody resumes it. Reason: Why it is so."),
    ],
)
def test_a_paused_account_says_why_and_what_comes_next(shop, code, level, words):
    now = clock.now()
    Vendor.objects.filter(pk=shop.pk).update(failures=6)
    vendors.pause(shop, code, "Why it is so.", now, trial_at=now + timedelta(minutes=2))
    found = health(shop)
    assert found.level == level
    assert words in found.why[0]
    assert "Why it is so." in " ".join(found.why)


def test_options_that_no_longer_fit_are_to_be_acted_on(shop):
    Vendor.objects.filter(pk=shop.pk).update(options={"no_such_option": 1})
    assert health(shop).level == Level.ACT
    assert "Open the account and save it again." in health(shop).why[0]


def test_a_disabled_account_is_off_and_says_what_waits(shop):
    Vendor.objects.filter(pk=shop.pk).update(enabled=False)
    assert (health(shop).level, health(shop).why) == (Level.OFF, ())
    Vendor.objects.filter(pk=shop.pk).update(enabled=True)
    approved_case()
    Vendor.objects.filter(pk=shop.pk).update(enabled=False)
    assert "waits until the account is enabled again" in health(shop).why[0]


def test_failures_are_looked_at_from_a_fifth_of_the_days_calls_on(shop):
    called(shop, *[Verdict.OK] * 9, Verdict.FAILED, Verdict.UNKNOWN)
    called(shop, *[Verdict.FAILED] * 9, ago=timedelta(hours=25))  # yesterday's
    assert health(shop).level == Level.RUNNING
    called(shop, Verdict.UNKNOWN)
    assert health(shop).level == Level.LOOK
    assert health(shop).why == ("Of 12 calls of the last day, 3 were not done or are unknown.",)


def test_what_a_restore_has_put_in_doubt_is_no_failure_of_the_vendor(shop):
    called(shop, *[Verdict.OK] * 5, *[Verdict.UNKNOWN] * 9)
    Call.objects.filter(verdict=Verdict.UNKNOWN).update(code="restored")
    assert health(shop).level == Level.RUNNING


def test_attention_overdue_work_and_a_used_up_quota_are_looked_at(shop):
    attention()
    assert "1 piece of vendor work needs attention." in health(shop).why
    move(work(approved_case()), next_at=clock.now() - timedelta(hours=1))
    assert any("Work has been due since" in text for text in health(shop).why)
    until = clock.now() + timedelta(days=1)
    Vendor.objects.filter(pk=shop.pk).update(quota_until=until, not_before=None)
    assert any(text.startswith("Its quota of calls is used up") for text in health(shop).why)
    assert not any("Work has been due since" in text for text in health(shop).why)


def test_the_queue_counts_what_is_due_waits_asks_and_awaits_a_confirmation(manager, shop):
    due = work(approved_case())
    move(due, next_at=clock.now() - timedelta(minutes=3))
    later = work(approved_case())
    move(later, status=SubTaskStatus.WAITING, next_at=clock.now() + timedelta(days=1))
    attention()
    move(work(approved_case()), status=SubTaskStatus.AWAITING_ATTESTATION, next_at=None)
    held = approved_case()
    lifecycle.hold(held, by=person("ada"), note="Wait.")
    account = annotated(Vendor.objects.all(), clock.now()).get()
    assert (account.due, account.later, account.asks, account.to_confirm) == (1, 1, 1, 1)
    html = manager.get(reverse(LIST)).content.decode()
    for words in ("1 due now, the oldest since ", "1 waiting for their time", "1 needing attention"):
        assert words in html
    assert "1 awaiting confirmation by hand" in html


def test_no_number_is_counted_past_its_limit(manager, shop, monkeypatch):
    monkeypatch.setattr("erasure.admin.vendor_health.COUNTED", 2)
    for _number in range(4):
        approved_case()
    account = annotated(Vendor.objects.all(), clock.now()).get()
    assert account.due == 3
    assert "more than 2 due now" in manager.get(reverse(LIST)).content.decode()


def test_thirty_accounts_take_no_more_queries_than_one(manager, shop, django_assert_max_num_queries):
    for number in range(29):
        account = vendor(f"Forum {number}")
        called(account, Verdict.OK, Verdict.FAILED)
    approved_case()
    with django_assert_max_num_queries(20):
        html = manager.get(reverse(LIST)).content.decode()
    assert "Forum 28" in html
    with django_assert_max_num_queries(20):
        manager.get(reverse("admin:erasure_vendor_change", args=[shop.pk]))


def test_links_to_vendor_work_are_for_whoever_may_read_it(signed_in, manager, shop):
    attention()
    address = reverse("admin:erasure_vendor_change", args=[shop.pk])
    link = f"?status__exact=needs_attention&amp;vendor__id__exact={shop.pk}"
    assert link not in manager.get(address).content.decode()
    assert link in signed_in("ann", "auditor").get(address).content.decode()


def test_an_empty_list_says_what_to_do_first(signed_in, manager, shop):
    shop.delete()
    html = manager.get(reverse(LIST)).content.decode()
    assert "There is no vendor account yet" in html
    assert "manage.py vendors load FILE" in html
    assert (
        "Somebody with the role vendor manager adds one."
        in signed_in("ann", "auditor").get(reverse(LIST)).content.decode()
    )


# --- the drawing


def test_calls_are_drawn_by_day_and_verdict_and_told_in_a_table(manager, shop):
    called(shop, Verdict.OK, Verdict.OK, Verdict.FAILED, Verdict.UNKNOWN, "")
    called(shop, Verdict.OK, ago=timedelta(days=vendor_calls.DAYS + 1))
    drawn = vendor_calls.drawing(shop, clock.now())
    assert [sum(column) for column in zip(*(day.numbers for day in drawn.days), strict=True)] == [2, 1, 1]
    html = manager.get(reverse("admin:erasure_vendor_change", args=[shop.pk])).content.decode()
    assert 'aria-label="Calls of the last 14 days: 2 answered, 1 not done, 1 unknown."' in html
    assert html.count('<g class="desk-bar desk-bar-') == 3
    assert "style=" not in html[html.index("<svg class=") : html.index("The numbers as a table")]
    for day in drawn.days:
        for bar in day.bars:
            assert 0 <= bar.y <= bar.y + bar.height <= vendor_calls.HEIGHT + 0.1


def test_without_calls_there_is_no_drawing(shop):
    called(shop, "")
    assert vendor_calls.drawing(shop, clock.now()) is None


def test_only_the_newest_calls_are_drawn_and_it_is_said(manager, shop, monkeypatch):
    monkeypatch.setattr(vendor_calls, "MOST", 2)
    called(shop, *[Verdict.OK] * 3)
    assert not vendor_calls.drawing(shop, clock.now()).whole
    html = manager.get(reverse("admin:erasure_vendor_change", args=[shop.pk])).content.decode()
    assert "Only its newest calls are counted" in html


def test_what_is_counted_stops_where_the_queues_stop():
    assert queues.COUNTED == 100


def test_an_accounts_page_says_how_long_its_work_lately_took(signed_in, shop):
    client, address = signed_in("vera", "vendor manager"), reverse("admin:erasure_vendor_change", args=[shop.pk])
    assert "lately within" not in client.get(address).content.decode()
    Vendor.objects.filter(pk=shop.pk).update(lead_times={"erase": 5 * 86_400, "export": 60})
    html = client.get(address).content.decode()
    assert "erase: lately within 5 days" in html
    assert "export: lately within 1 day<" in html
