"""Over a real socket, by the thread that the supervisor leaves it to."""

from datetime import date

from erasure import reminders
from erasure.models import Reminder, ReminderMail
from tests.desk import until
from tests.erasure.alerts.smtp import Smtp
from tests.erasure.alerts.test_mail_server import smtp  # noqa: F401 - the fixture

from .conftest import Days


def test_a_mail_server_takes_it(days: Days, smtp: Smtp, settings) -> None:  # noqa: F811
    settings.ALERTS_TO = ["privacy@example.org"]
    case = days.case(date(2026, 11, 5))
    reminders.look_after()
    until(Reminder.objects.exists)
    (message,) = smtp.taken
    assert "To: olive@example.org" in message
    assert "From: olive@example.org" in message, "no account at the mail server is an address here"
    assert "Auto-Submitted: auto-generated" in message
    assert case.reference in message


def test_one_that_is_not_there_is_tried_again(days: Days, smtp: Smtp) -> None:  # noqa: F811
    smtp.shutdown()
    smtp.server_close()
    days.case(date(2026, 11, 5))
    reminders.look_after()
    until(lambda: ReminderMail.objects.filter(tries=1).exists())
    assert not Reminder.objects.exists()
