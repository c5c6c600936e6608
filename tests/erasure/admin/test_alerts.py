"""The page of alerts: a sentence for each cause, what to do, and the way there; open ones first."""

from datetime import timedelta

import pytest
from django.urls import reverse

from compliance import clock
from erasure import codes
from erasure.api.reference import _connector_codes
from erasure.models import Alert
from erasure.states import Attention, Pause, Trouble
from tests.factories import vendor

LIST = "admin:erasure_alert_changelist"


def alert(kind, account=None, code="", **fields):
    now = clock.now()
    cause = f"{kind}:{account.pk if account else ''}:{code}"
    return Alert.objects.create(
        **{"cause": cause, "kind": kind, "vendor": account, "code": code, "count": 3, "begun_at": now} | fields
    )


def listed(client, **asked):
    return client.get(reverse(LIST), asked).content.decode()


@pytest.mark.parametrize(
    ("kind", "code", "sentence", "to_do"),
    [
        (Trouble.PAUSED, Pause.FAILURES, "Shop search is paused after failures", "If this lasts, ask the vendor."),
        (
            Trouble.PAUSED,
            Pause.CREDENTIALS,
            "Shop search is paused: account settings or credentials are wrong",
            "Correct the account&#x27;s settings or credentials on its page",
        ),
        (
            Trouble.ATTENTION,
            Attention.TOO_LONG,
            "Vendor work at Shop search needs attention: the vendor takes longer than it should",
            "3 pieces of vendor work are stopped.",
        ),
        (
            Trouble.ATTENTION,
            "key_refused",
            "Vendor work at Shop search needs attention: the vendor refused a key",
            "what to do.",
        ),
        (Trouble.STALLED, "", "Due work is not taken up", "See whether `manage.py work` runs on each host"),
        (Trouble.UNSEALED, "", "The trail is not sealed", "When sealing stops"),
        (
            Trouble.ESCALATED,
            "",
            "Nobody who is here may go on with cases that are due soon",
            "Give another person a role that approves",
        ),
    ],
)
def test_each_is_told_in_a_sentence_with_what_to_do(signed_in, shop, kind, code, sentence, to_do):
    about = shop if kind in (Trouble.PAUSED, Trouble.ATTENTION) else None
    item = alert(kind, about, code)
    client = signed_in("ann", "auditor")
    page = client.get(reverse("admin:erasure_alert_change", args=[item.pk])).content.decode()
    for html in (listed(client), page):
        assert sentence in html
        assert code not in html or not code or f">{code}<" not in html
    assert to_do in listed(client)


def test_the_way_out_is_linked_for_whoever_may_go_there(signed_in, shop):
    alert(Trouble.PAUSED, shop, Pause.FAILURES)
    alert(Trouble.ATTENTION, shop, Attention.TOO_LONG)
    alert(Trouble.ESCALATED)
    work = f"?status__exact=needs_attention&amp;vendor__id__exact={shop.pk}"
    account = f'href="{reverse("admin:erasure_vendor_change", args=[shop.pk])}">Open the vendor account'
    for role, opens in (("auditor", True), ("vendor manager", False)):
        html = listed(signed_in(role.split()[0], role))
        assert account in html
        assert (work in html) == opens
        assert ('?queue=escalated">Show these cases' in html) == opens


def test_open_ones_stand_first_and_can_be_asked_for_alone(signed_in, shop):
    now = clock.now()
    alert(Trouble.STALLED, begun_at=now - timedelta(days=9), ended_at=now - timedelta(days=8))
    alert(Trouble.UNSEALED)
    client = signed_in("ann", "auditor")
    html = listed(client)
    assert html.index("The trail is not sealed") < html.index("Due work is not taken up")
    assert "It is over: there is nothing to do." in html
    assert "Due work is not taken up" not in listed(client, state="open")
    assert "The trail is not sealed" not in listed(client, state="over")


def test_when_nothing_is_wrong_the_page_says_so(signed_in):
    assert "Nothing is wrong: no vendor account is paused" in listed(signed_in("ann", "auditor"))


def test_many_alerts_take_no_more_queries(signed_in, shop, django_assert_max_num_queries):
    for number in range(20):
        account = vendor(f"Forum {number}")
        alert(Trouble.ATTENTION, account, "key_refused")
        alert(Trouble.PAUSED, account, Pause.FAILURES)
    client = signed_in("ann", "auditor")
    with django_assert_max_num_queries(12):
        listed(client)


def test_every_code_of_a_connector_and_of_the_engine_has_words():
    known = {*_connector_codes(), *Attention.values, *Pause.values}
    assert [code for code in sorted(known) if not codes.label(code)] == []
    assert {f"job_{status}" for status in ("failed", "lost", "short", "belied", "closed")} <= set(codes._CONNECTORS)
    assert codes.label("no_such_code") == ""
