from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from erasure import reminders
from erasure.models import Case
from tests import factories

MONDAY = datetime(2026, 11, 2, 6, tzinfo=UTC)


class Days:
    """Days of a desk whose supervisor looks in now and then; mails are sent at once."""

    def __init__(self, turn: Callable[[datetime | timedelta], datetime]) -> None:
        self.turn = turn
        self.turn(MONDAY)
        self.shop = factories.vendor()

    def look(self) -> list[EmailMessage]:
        """The mails that one look sends."""
        before = len(mail.outbox)
        reminders.look_after(run=lambda send: send())
        return mail.outbox[before:]

    def pass_(self, count: int = 1) -> list[EmailMessage]:
        """The mails of so many days, with two looks a day."""
        before = len(mail.outbox)
        for _day in range(count):
            self.turn(timedelta(hours=12))
            self.look()
            self.turn(timedelta(hours=12))
            self.look()
        return mail.outbox[before:]

    def case(self, due_on: date, **values: Any) -> Case:
        case = factories.opened_case(**values)
        return self.due(case, due_on)

    def due(self, case: Case, due_on: date) -> Case:
        Case.objects.filter(pk=case.pk).update(due_on=due_on)
        case.due_on = due_on
        return case


@pytest.fixture
def days(transactional_db: None, settings: Any, turn_clock: Any) -> Days:
    settings.MAIL_IS_SET = True
    settings.EMAIL_HOST_USER = "desk@example.org"
    olive = factories.person("olive", "intake")
    olive.email = "olive@example.org"
    olive.save()
    return Days(turn_clock)
