from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import transaction

from erasure import alerts, vendors
from erasure.models import Case, SubTask, Vendor
from erasure.states import Pause
from tests import factories

HALF_A_MINUTE = timedelta(seconds=30)


class Room:
    """Alerts as the supervisor has them looked after, on a clock that is turned by hand; mails are sent at once."""

    def __init__(self, turn: Callable[[datetime | timedelta], datetime]) -> None:
        self.turn = turn
        self.turn(timedelta(0))
        self.shop = factories.vendor()

    def passes(self, time: timedelta = timedelta(minutes=3), *, step: timedelta | None = None) -> list[EmailMessage]:
        """Time passes, and every half a minute (in a long time: a hundred times) somebody looks; the mails that were
        sent meanwhile."""
        before, end = len(mail.outbox), self.turn(timedelta(0)) + time
        while self.turn(step or max(HALF_A_MINUTE, time / 100)) < end:
            self.look()
        self.look()
        return mail.outbox[before:]

    def look(self) -> None:
        alerts.look_after(run=lambda send: send())

    def cases(self, count: int, **values: Any) -> list[Case]:
        names = [("customer_id", f"C-{number}") for number in range(count)]
        with transaction.atomic():
            return [factories.approved_case(identifiers=[name], **values) for name in names]

    def pause(self, code: Pause = Pause.FAILURES, account: Vendor | None = None) -> None:
        now = self.turn(timedelta(0))
        text = "No connection to shop.example could be made."
        vendors.pause(account or self.shop, code, text, now, trial_at=now + timedelta(days=9))

    def resume(self, account: Vendor | None = None) -> None:
        vendors.resume(account or self.shop)

    def stop(self, code: str, cases: list[Case]) -> None:
        """Their work needs attention for this reason."""
        SubTask.objects.filter(case__in=cases).update(
            status="needs_attention", attention_code=code, attention_text="Look.", next_at=None
        )


@pytest.fixture
def room(transactional_db: None, settings: Any, turn_clock: Any, monkeypatch: pytest.MonkeyPatch) -> Room:
    settings.ALERTS_TO = ["privacy@example.org", "it@example.org"]
    monkeypatch.setattr(alerts.causes, "_unsealed", lambda now: iter(()))  # nothing seals here
    return Room(turn_clock)
