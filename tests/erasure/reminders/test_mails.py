"""Whoever looks after a case is told before it is due: in one mail a day, never twice, and of nothing personal."""

from datetime import date, timedelta

import pytest
from django.core import mail

from erasure import absences, lifecycle, reminders
from erasure.models import Absence, Case, Reminder, ReminderMail
from tests import factories

from .conftest import Days

OPENED = [("customer_id", "C-1")]


def with_address(name: str, *roles: str):
    person = factories.person(name, *roles)
    person.email = f"{name}@example.org"
    person.save()
    return person


def test_each_distance_is_told_once(days: Days) -> None:
    case = days.case(date(2026, 11, 18))
    told = [(message.to, message.body.split("\n")[2]) for message in [*days.look(), *days.pass_(20)]]
    assert told == [
        (["olive@example.org"], f"* in 14 days (Wednesday, 2026-11-18): {case.reference}"),
        (["olive@example.org"], f"* in 7 days (Wednesday, 2026-11-18): {case.reference}"),
        (["olive@example.org"], f"* in 3 days (Wednesday, 2026-11-18): {case.reference}"),
        (["olive@example.org"], f"* tomorrow (Wednesday, 2026-11-18): {case.reference}"),
        (["olive@example.org"], f"* today (Wednesday, 2026-11-18): {case.reference}"),
    ]


def test_the_mail_of_a_day_bundles_all_its_cases_and_holds_references_and_days_alone(days: Days) -> None:
    cases = [
        days.case(date(2026, 11, 5), identifiers=[("customer_id", f"C-{n}")], requester={"name": "Ada Lovelace"})
        for n in range(25)
    ]
    days.case(date(2026, 12, 24))
    (message,) = days.look()
    assert message.subject == "Erasure Desk: 25 cases need you soon"
    assert message.extra_headers == {"Auto-Submitted": "auto-generated"}
    assert message.from_email == "desk@example.org"
    assert message.body.startswith("Reply to the person\n\n* in 3 days (Thursday, 2026-11-05): ")
    assert cases[0].reference in message.body
    assert message.body.count("DSR-") == 20, "as many are named"
    assert "Lovelace" not in message.body
    assert "C-1" not in message.body


def test_days_on_which_the_desk_was_down_are_made_up_for_by_one_mail(days: Days) -> None:
    days.case(date(2026, 11, 30))
    assert days.look() == []
    days.turn(timedelta(days=26))  # 14, 7 and 3 days before have passed
    (message,) = days.look()
    assert "in 2 days" in message.body
    assert [message.body.split(" (")[0].split("* ")[1] for message in days.pass_(6)] == ["tomorrow", "today"]


def test_what_was_due_while_the_desk_was_down_is_told_once(days: Days) -> None:
    days.case(date(2026, 11, 3))
    days.look()
    days.turn(timedelta(days=10))
    (message,) = days.look()
    assert "9 days overdue" in message.body
    assert days.pass_(5) == []


def test_its_handler_is_told_and_nobody_else(days: Days) -> None:
    case = days.case(date(2026, 11, 5))
    lifecycle.assign(case, by=factories.person("olive"), handler=with_address("hank", "intake"))
    assert [message.to for message in days.look()] == [["hank@example.org"]]


@pytest.mark.parametrize("why", ["answered", "cancelled", "not in use", "no address", "service", "no distances"])
def test_who_or_what_needs_no_mail_gets_none(days: Days, settings, why: str) -> None:
    case, olive = days.case(date(2026, 11, 5)), factories.person("olive")
    match why:
        case "answered":
            lifecycle.submit(case, by=olive)
            lifecycle.reply(case, by=olive, channel="email")
        case "cancelled":
            lifecycle.cancel(case, by=olive, reason="withdrawn")
        case "not in use":
            olive.is_active = False
            olive.save()
        case "no address":
            olive.email = ""
            olive.save()
        case "service":
            Case.objects.update(handler=factories.User.objects.create_user("crm", "a@b.de", is_service=True))
        case "no distances":
            settings.REMINDERS = []
    assert days.pass_(4) == []


def test_without_a_mail_server_nothing_is_sent_or_remembered(days: Days, settings) -> None:
    settings.MAIL_IS_SET = False
    days.case(date(2026, 11, 5))
    assert days.look() == []
    assert not ReminderMail.objects.exists()
    settings.MAIL_IS_SET = True
    assert len(days.look()) == 1


def test_an_extended_time_is_told_of_anew(days: Days) -> None:
    case = days.case(date(2026, 11, 5))
    assert len(days.look()) == 1
    days.due(case, date(2027, 1, 4))
    assert days.pass_(10) == []
    assert not Reminder.objects.exists()
    days.due(case, date(2026, 11, 16))
    assert ["in 4 days" in message.body for message in days.look()] == [True]


def test_a_clock_that_stands_reminds_nobody_again_and_again(days: Days) -> None:
    case = days.case(date(2026, 11, 7))
    assert len(days.look()) == 1
    for count in range(1, 6):  # with each day the last one moves on
        days.due(case, date(2026, 11, 7) + timedelta(days=count))
        assert days.pass_() == []


def test_receipt_to_be_confirmed_is_a_date_of_its_own(days: Days, settings) -> None:
    settings.REMINDERS = [1]
    case = factories.opened_case(regime="ccpa", country="US", subdivision="CA")
    assert days.pass_(13) == [], "ten working days, of which the Wednesday of Veterans' Day is none"
    (message,) = days.pass_()
    assert message.body.startswith("Receipt to be confirmed to the person\n\n* tomorrow (Tuesday, 2026-11-17)")
    assert case.reference in message.body
    lifecycle.submit(case, by=factories.person("olive"))
    lifecycle.acknowledge(case, by=factories.person("olive"), channel="email")
    assert days.pass_(2) == []
    assert not Reminder.objects.exists()


def test_a_mail_server_that_is_away_gets_it_later_and_once(days: Days, monkeypatch, caplog) -> None:
    days.case(date(2026, 11, 5))

    def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("olive@example.org")

    with monkeypatch.context() as patch:
        patch.setattr(mail.EmailMessage, "send", away)
        days.look()
    assert ReminderMail.objects.get().tries == 1
    assert "olive" not in caplog.text
    assert days.look() == [], "not at once"
    days.turn(timedelta(minutes=3))
    assert len(days.look()) == 1
    assert ReminderMail.objects.get().tries == 0
    assert days.look() == []


def test_one_address_that_is_refused_keeps_no_other_waiting(days: Days, monkeypatch) -> None:
    days.case(date(2026, 11, 5))
    with_address("hank", "intake")
    days.case(date(2026, 11, 5), by=factories.person("hank"), identifiers=OPENED)
    send = mail.EmailMessage.send

    def refuse_olive(message: mail.EmailMessage, *given: object) -> int:
        if message.to == ["olive@example.org"]:
            raise ValueError("refused")
        return send(message)

    monkeypatch.setattr(mail.EmailMessage, "send", refuse_olive)
    assert [message.to for message in days.look()] == [["hank@example.org"]]


def test_a_mail_that_another_host_has_on_its_way_is_not_sent_again(days: Days, monkeypatch) -> None:
    days.case(date(2026, 11, 5))
    waiting: list[object] = []
    reminders.look_after(run=waiting.append)
    assert len(days.look()) == 1, "this host was first"
    for send in waiting:
        send()  # type: ignore[operator]
    assert len(mail.outbox) == 1


def test_it_speaks_the_language_of_the_desks_mails(days: Days, settings) -> None:
    settings.ALERTS_LANGUAGE = "de"
    days.case(date(2026, 11, 5))
    (message,) = days.look()
    assert "in 3 Tagen (Donnerstag, 05.11.2026)" in message.body


def test_who_stands_in_for_somebody_is_told_too(days: Days) -> None:
    olive, alan = factories.person("olive"), with_address("alan", "approver")
    absence = Absence(person=olive, deputy=alan, from_on=date(2026, 11, 2), until_on=date(2026, 11, 6))
    absences.save(absence, by=olive)
    days.case(date(2026, 11, 5))
    days.case(date(2026, 11, 16), identifiers=OPENED)
    assert sorted(message.to[0] for message in days.look()) == ["alan@example.org", "olive@example.org"]
    later = [message.to[0] for message in days.pass_(14)]
    assert later.count("olive@example.org") > later.count("alan@example.org") > 0
    assert later[-1] == "olive@example.org"
