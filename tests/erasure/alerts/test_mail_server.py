"""Over a real socket: a mail server that takes the mail, one that hangs, and one that is not there."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from erasure import alerts
from erasure.models import Alert, AlertMail
from tests.desk import until

from .conftest import Room
from .smtp import Smtp

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def smtp(settings: Any) -> Iterator[Smtp]:
    with Smtp() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = None
        settings.EMAIL_TIMEOUT = 60
        yield server
        server.hangs.clear()
        server.shutdown()


def tries() -> int:
    return AlertMail.objects.get().tries


def look_when_due(room: Room) -> None:
    room.pause()
    alerts.look_after()
    room.turn(timedelta(minutes=3))
    alerts.look_after()


def test_a_mail_server_takes_it_from_whoever_is_told(room: Room, smtp: Smtp) -> None:
    look_when_due(room)
    until(lambda: Alert.objects.filter(told_at__isnull=False).exists())
    (message,) = smtp.taken
    assert "From: privacy@example.org" in message
    assert "To: privacy@example.org, it@example.org" in message
    assert "Auto-Submitted: auto-generated" in message
    assert "Subject: Erasure Desk: Shop search is paused" in message


def test_one_that_hangs_holds_up_nobody_and_gets_the_mail_later(room: Room, smtp: Smtp, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 15  # longer than a busy machine takes to come to the next line but one
    smtp.hangs.set()
    look_when_due(room)
    assert AlertMail.objects.get().claim, "nobody waits for the mail, which is still on its way"
    assert smtp.met.wait(60)
    until(lambda: tries() == 1)  # the connection was given up
    assert smtp.taken == []
    smtp.hangs.clear()
    room.turn(timedelta(minutes=3))
    alerts.look_after()
    until(lambda: smtp.taken)
    until(lambda: tries() == 0)


def test_one_that_is_not_there_is_tried_again(room: Room, smtp: Smtp) -> None:
    smtp.shutdown()
    smtp.server_close()
    look_when_due(room)
    until(lambda: tries() == 1)
    assert Alert.objects.get().told_at is None
