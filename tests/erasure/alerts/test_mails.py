"""Four hundred cases that wait for one reason make one notice, and ALERTS_TO gets one mail."""

import smtplib
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from compliance import clock
from erasure import reminders, vendors
from erasure.models import Alert, AlertMail, Case, SubTask
from erasure.states import Pause
from tests import factories
from tests.erasure.worker.test_two_workers import together

from .conftest import Room

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_400_waiting_cases_make_one_notice(room: Room) -> None:
    room.cases(400)
    room.pause()
    (told,) = room.passes(12 * HOUR)
    assert told.to == ["privacy@example.org", "it@example.org"]
    assert told.subject == "Erasure Desk: Shop search is paused after failures"
    assert "400 pieces of vendor work wait for it; nothing is lost." in told.body
    assert "No connection to shop.example could be made." in told.body
    assert Alert.objects.count() == 1


def test_work_that_needs_attention_is_told_once_for_each_cause(room: Room) -> None:
    cases = room.cases(9)
    room.stop("refused", cases[:7])
    room.stop("too_long", cases[7:])
    (told,) = room.passes(12 * HOUR)
    assert "7 pieces of vendor work: " in told.body
    named = [case.reference in told.body for case in cases]
    assert named == [True] * 5 + [False] * 2 + [True] * 2
    assert told.body.count("* vendor work at Shop search needs attention") == 2
    assert told.subject.endswith("and 1 more")


def test_what_comes_together_stands_in_one_mail_and_later_news_waits_its_time(room: Room) -> None:
    cases = room.cases(3)
    room.pause()
    room.passes(timedelta(minutes=1))
    room.stop("refused", cases[:1])
    assert len(room.passes(timedelta(minutes=2))) == 1
    room.stop("too_long", cases[1:2])
    assert room.passes(timedelta(minutes=14)) == []
    (second,) = room.passes(timedelta(minutes=2))
    new, lasts = second.body.split("STILL SO")
    assert "the vendor takes longer" in new
    assert "the vendor refused" in lasts
    assert "is paused" in lasts


def test_more_of_the_same_is_no_news(room: Room) -> None:
    cases = room.cases(5)
    room.stop("refused", cases[:1])
    assert len(room.passes()) == 1
    room.stop("refused", cases)
    assert room.passes(20 * HOUR) == []
    assert Alert.objects.get().count == 5


def test_what_lasts_is_told_again_after_a_day(room: Room) -> None:
    room.pause()
    assert len(room.passes()) == 1
    assert room.passes(23 * HOUR) == []
    (again,) = room.passes(2 * HOUR)
    assert again.subject == "Erasure Desk: still: Shop search is paused after failures"


def test_its_end_is_told_once_it_has_lasted(room: Room) -> None:
    room.pause()
    room.passes()
    room.resume()
    assert room.passes(timedelta(minutes=9)) == []
    (told,) = room.passes(timedelta(minutes=20))
    assert told.subject.startswith("Erasure Desk: over: ")
    assert "* Shop search works again" in told.body
    assert not Alert.objects.exists()
    assert room.passes(2 * DAY) == []


@pytest.mark.parametrize(
    ("how", "said"),
    [("by hand", "* Shop search is now paused for another reason: paused by hand"), ("off", "is disabled now")],
)
def test_an_end_that_people_made_is_not_called_working_again(room: Room, how: str, said: str) -> None:
    room.pause()
    room.passes()
    if how == "by hand":
        room.pause(Pause.BY_HAND)
    else:
        vendors.save({"name": "Shop search", "enabled": False})
    (told,) = room.passes(HOUR)
    assert said in told.body
    assert "works again" not in told.body


def test_a_vendor_that_comes_and_goes_is_told_once(room: Room) -> None:
    room.pause()
    told = room.passes()
    for _ in range(20):
        room.resume()
        told += room.passes(timedelta(minutes=6))
        room.pause()
        told += room.passes(timedelta(minutes=6))
    assert len(told) == 1


def test_what_is_over_at_once_is_told_nobody(room: Room) -> None:
    room.pause()
    room.passes(timedelta(minutes=1))
    room.resume()
    assert room.passes(HOUR) == []
    assert not Alert.objects.exists()


def test_a_pause_by_hand_and_a_disabled_account_are_no_news(room: Room) -> None:
    room.pause(Pause.BY_HAND)
    other = factories.vendor("Outlet search")
    room.pause(Pause.CREDENTIALS, other)
    vendors.save({"name": "Outlet search", "enabled": False})
    assert room.passes(HOUR) == []


def test_wrong_credentials_say_what_to_do(room: Room) -> None:
    room.pause(Pause.CREDENTIALS)
    (told,) = room.passes()
    assert "Correct the account's settings or credentials on its page: it goes on by itself then." in told.body


def test_links_begin_with_the_desks_own_address_where_it_is_known(room: Room, settings: Any) -> None:
    room.pause()
    room.stop("refused", room.cases(1))
    (told,) = room.passes()
    assert "http" not in told.body
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.org", "https://desk.example.org"]
    (told,) = room.passes(25 * HOUR)
    assert f"https://desk.example.org/admin/erasure/vendor/{room.shop.pk}/change/\n" in told.body
    asked = f"?status__exact=needs_attention&vendor__id__exact={room.shop.pk}\n"
    assert f"https://desk.example.org/admin/erasure/subtask/{asked}" in told.body


def test_a_mail_holds_nothing_personal(room: Room) -> None:
    cases = room.cases(2, requester={"name": "Ada Lovelace", "reply_to": "ada@example.org"})
    SubTask.objects.update(attention_text="C-0 was refused")
    room.stop("refused", cases)
    vendors.pause(room.shop, Pause.BY_HAND, "Ada Lovelace asked", room.turn(timedelta(0)), trial_at=None)
    (told,) = room.passes()
    for word in ("Lovelace", "ada@", "C-0", "C-1"):
        assert word not in told.message().as_string()


# --- a mail server that is away ---


class Server:
    """Stands in for the mail server: refuses until it is told to work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tries, self.away = 0, True
        real = EmailMessage.send

        def send(message: EmailMessage) -> int:
            self.tries += 1
            if self.away:
                raise smtplib.SMTPServerDisconnected("privacy@example.org: no")
            return real(message)

        monkeypatch.setattr(EmailMessage, "send", send)


def test_a_mail_server_that_is_away_loses_nothing_and_is_not_stormed(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(monkeypatch)
    room.pause()
    assert room.passes(DAY, step=timedelta(minutes=1)) == []
    assert 20 <= server.tries <= 32  # after 2, 4, 8, … minutes, then every hour
    assert "@" not in caplog.text
    server.away = False
    (told,) = room.passes(2 * HOUR)
    assert told.subject == "Erasure Desk: Shop search is paused after failures"
    assert AlertMail.objects.get().tries == 0


def test_what_ended_before_anybody_could_be_told_is_not_told(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch)
    room.pause()
    room.passes(HOUR)
    room.resume()
    room.passes(HOUR)
    server.away = False
    assert room.passes(DAY) == []


def test_a_process_that_ends_while_it_sends_leaves_the_mail_to_another(room: Room) -> None:
    room.pause()
    room.turn(timedelta(minutes=3))
    room.look()
    room.turn(timedelta(minutes=3))
    from erasure import alerts

    alerts.look_after(run=lambda send: None)  # killed before it was sent
    assert mail.outbox == []
    assert room.passes(timedelta(minutes=4)) == []
    assert len(room.passes(timedelta(minutes=3))) == 1


def test_what_ends_while_its_mail_is_on_the_way_is_told_to_be_over(room: Room) -> None:
    from erasure import alerts

    held: list[Any] = []
    room.pause()
    room.look()
    room.turn(timedelta(minutes=3))
    alerts.look_after(run=held.append)
    room.resume()
    room.turn(timedelta(seconds=30))
    room.look()
    held.pop()()
    (told,) = room.passes(HOUR)[-1:]
    assert "* Shop search works again" in told.body


def test_two_hosts_send_one_mail(room: Room) -> None:
    room.pause()
    room.look()
    room.turn(timedelta(minutes=3))
    together(room.look, room.look, room.look)
    assert len(mail.outbox) == 1
    assert AlertMail.objects.count() == 1


def test_nothing_is_sent_inside_a_transaction(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import connection

    inside: list[bool] = []
    monkeypatch.setattr(EmailMessage, "send", lambda message: inside.append(connection.in_atomic_block))
    room.pause()
    room.passes()
    assert inside == [False]


def test_without_anybody_to_tell_the_rows_show_what_is_wrong_now(room: Room, settings: Any) -> None:
    settings.ALERTS_TO = []
    room.cases(2)
    room.pause()
    assert room.passes(HOUR) == []
    assert list(Alert.objects.values_list("kind", "code", "count")) == [("paused", "failures", 2)]
    room.resume()
    room.passes(timedelta(minutes=1))
    assert not Alert.objects.filter(kind="paused").exists()


def test_cases_with_which_nobody_may_go_on_are_told_and_when_somebody_may(room: Room) -> None:
    case = factories.opened_case(submit=True)
    Case.objects.update(due_on=clock.today())
    reminders.escalate()
    (told,) = room.passes()
    assert told.subject == "Erasure Desk: nobody who is here may go on with cases that are due soon"
    assert "1 case is due soon, and everybody who may approve has opened or changed it, or is away." in told.body
    factories.person("ada", "approver")
    reminders.escalate()
    assert case.escalations.get().nobody is False
    (over,) = room.passes(HOUR)
    assert "* There is somebody who may go on with what is due soon" in over.body
