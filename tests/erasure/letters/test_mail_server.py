"""Over a real socket: a mail server that takes a letter, refuses it, or hangs up in the middle."""

import email
import threading
from collections.abc import Iterator
from email.policy import default
from typing import Any

import pytest
from django.db import connection

from erasure import letters
from erasure.models import Letter
from tests.desk import until
from tests.erasure.alerts.smtp import Smtp

from .conftest import case_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def olive(transactional_db: None, settings: Any) -> Any:
    from tests import factories

    settings.LETTERS_FROM = '"Shop, privacy" <privacy@shop.example>'
    factories.vendor()
    return factories.person("olive", "intake")


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


def written(olive: Any, **person: str) -> Letter:
    given = {"name": "Zoë שרה 😀", "reply_to": "zoe@example.org", "language": "de", **person}
    return letters.send(case_of(requester=given), "acknowledgement", by=olive, channel="email").letter


def state(letter: Letter) -> str:
    connection.close()
    return Letter.objects.get(pk=letter.pk).mail


def test_a_mail_server_takes_it_as_text_and_pdf(olive, smtp):
    letter = written(olive)
    letters.look_after()
    until(lambda: state(letter) == "sent")
    (taken,) = smtp.taken
    message = email.message_from_bytes(taken.encode(), policy=default)
    assert message["From"] == '"Shop, privacy" <privacy@shop.example>'
    assert message["To"] == "zoe@example.org"
    assert message["Subject"] == f"Wir haben Ihren Antrag erhalten ({letter.case.reference})"
    assert "Guten Tag Zoë שרה 😀," in message.get_body().get_content()
    (attached,) = message.iter_attachments()
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_content().startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("command", "answer", "state_then"),
    [
        ("RCPT", "550 no such mailbox", "failed"),
        ("RCPT", "450 come again", "queued"),
        (".", "554 refused", "failed"),
        (".", "451 come again", "queued"),
        (".", "", "unknown"),  # it hangs up once it has the mail
        ("MAIL", "550 not from you", "failed"),
    ],
)
def test_what_its_answer_means(olive, smtp, command, answer, state_then):
    smtp.answers[command] = answer
    letter = written(olive)
    letters.look_after()
    until(lambda: Letter.objects.filter(pk=letter.pk, tries=1).exclude(mail="sending").exists())
    assert state(letter) == state_then


def test_one_that_is_not_there_is_tried_again(olive, smtp):
    smtp.shutdown()
    smtp.server_close()
    letter = written(olive)
    letters.look_after()
    until(lambda: Letter.objects.get(pk=letter.pk).code == "mail_unreachable")
    assert state(letter) == "queued"


def test_one_that_hangs_holds_up_nobody(olive, smtp, settings):
    settings.EMAIL_TIMEOUT = 15
    smtp.hangs.set()
    letter = written(olive)
    letters.look_after()
    assert smtp.met.wait(90)
    assert state(letter) == "sending", "nobody waits for it"
    letters.look_after()
    until(lambda: state(letter) == "queued")
    assert smtp.taken == []
