"""Letters by e-mail: marked before they are sent, tried again when they surely were not, never twice in silence."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from compliance.audit.models import Event
from compliance.vault import seal
from erasure import letters
from erasure.errors import Conflict
from erasure.letters import post
from erasure.models import Case, Letter

from .conftest import case_of

MINUTE = timedelta(minutes=1)
broken: list[Exception] = []
unreachable: list[Exception] = []


class Broken(EmailBackend):
    """Fails while it is reached, or while it is spoken to."""

    def open(self) -> bool:
        if unreachable:
            raise unreachable[0]
        return True

    def send_messages(self, messages: Any) -> int:
        if broken:
            raise broken[0]
        return super().send_messages(messages)


@pytest.fixture
def outbox(settings: Any) -> list[Any]:
    settings.EMAIL_BACKEND = "tests.erasure.letters.test_post.Broken"
    broken.clear()
    unreachable.clear()
    mail.outbox = []
    return mail.outbox


@pytest.fixture
def letter(olive: Any, outbox: list[Any], turn_clock: Callable[..., Any]) -> Letter:
    turn_clock(timedelta(0))
    case = case_of(requester={"name": "Zoë", "reply_to": "Zoe@example.org", "language": "de"})
    return letters.send(case, "acknowledgement", by=olive, channel="email").letter


def looked_after() -> None:
    letters.look_after(run=lambda send: send())


def now(letter: Letter) -> Letter:
    return Letter.objects.get(pk=letter.pk)


def actions_of(letter: Letter) -> list[str]:
    events = Event.objects.filter(subject=str(letter)).order_by("id")
    return [event.action.removeprefix("letter.") for event in events]


def test_a_letter_goes_out_once_with_its_pdf(letter, outbox):
    assert now(letter).mail == "queued"
    looked_after()
    looked_after()
    (message,) = outbox
    assert message.to == ["Zoe@example.org"]
    assert message.from_email == '"Shop, privacy" <privacy@shop.example>'
    assert message.subject == f"Wir haben Ihren Antrag erhalten ({letter.case.reference})"
    assert "Guten Tag Zoë," in message.body
    ((name, content, kind),) = message.attachments
    assert (name, content[:5], kind) == (letter.evidence.name, b"%PDF-", "application/pdf")
    assert message.extra_headers["Message-ID"] == f"<{letter.pk}@shop.example>"
    found = now(letter)
    assert (found.mail, found.mail_sealed, found.tries) == ("sent", None, 1)
    assert found.sent_at
    assert actions_of(letter) == ["written", "sent"]
    letters_case = Case.objects.get()
    assert letters_case.acknowledged_at


def test_it_is_marked_before_anything_goes_out(letter, outbox, monkeypatch):
    seen = []
    monkeypatch.setattr(post, "_hand_over", lambda item: seen.append(now(item).mail))
    looked_after()
    assert seen == ["sending"]


def test_what_never_reached_the_server_is_tried_again_and_then_given_up(letter, outbox, turn_clock):
    unreachable.append(ConnectionRefusedError())
    looked_after()
    assert (now(letter).mail, now(letter).code) == ("queued", "mail_unreachable")
    looked_after()
    assert now(letter).tries == 1, "not before its time"
    unreachable.clear()
    turn_clock(2 * MINUTE)
    looked_after()
    assert now(letter).mail == "sent"
    assert len(outbox) == 1


def test_after_a_day_it_is_given_up_and_somebody_is_told(letter, outbox, turn_clock):
    from erasure.alerts import causes

    unreachable.append(TimeoutError())
    for _hour in range(26):
        looked_after()
        turn_clock(60 * MINUTE)
    found = now(letter)
    assert found.mail == "failed"
    assert found.mail_sealed, "it can be sent again"
    assert actions_of(letter) == ["written", "not_sent"]
    assert [cause.count for cause in causes.now_wrong(found.at) if cause.kind == "letters"] == [1]


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), ValueError("zoe@example.org")])
def test_an_attempt_without_an_answer_is_unknown_and_not_repeated(letter, outbox, turn_clock, caplog, error):
    broken.append(error)
    looked_after()
    broken.clear()
    for _hour in range(30):
        turn_clock(60 * MINUTE)
        looked_after()
    assert (now(letter).mail, now(letter).tries) == ("unknown", 1)
    assert outbox == []
    assert actions_of(letter) == ["written", "unknown"]
    assert "zoe" not in caplog.text.lower()


def test_one_whose_process_was_killed_is_unknown_after_its_time(letter, outbox, turn_clock, monkeypatch):
    def killed(item: Letter) -> None:
        raise SystemExit

    monkeypatch.setattr(post, "_hand_over", killed)
    with pytest.raises(SystemExit):
        looked_after()
    monkeypatch.undo()
    turn_clock(9 * MINUTE)
    looked_after()
    assert now(letter).mail == "sending"
    turn_clock(2 * MINUTE)
    looked_after()
    assert now(letter).mail == "unknown"
    assert outbox == []


def test_somebody_has_it_sent_again(letter, olive, outbox):
    broken.append(TimeoutError())
    looked_after()
    broken.clear()
    letters.send_again(letter, by=olive)
    looked_after()
    assert len(outbox) == 1
    assert now(letter).mail == "sent"
    assert actions_of(letter) == ["written", "unknown", "sent_again", "sent"]
    with pytest.raises(Conflict):
        letters.send_again(letter, by=olive)


def test_somebody_says_that_it_arrived(letter, olive, outbox):
    with pytest.raises(Conflict) as refused:
        letters.arrived(letter, by=olive)
    assert refused.value.code == "letter_not_open"
    broken.append(TimeoutError())
    looked_after()
    letters.arrived(letter, by=olive)
    found = now(letter)
    assert (found.mail, found.mail_sealed) == ("sent", None)
    assert actions_of(letter) == ["written", "unknown", "arrived"]
    looked_after()
    assert outbox == []


def test_a_late_answer_counts_unless_it_was_sent_again(letter, olive, outbox, turn_clock):
    claimed = post._claim(post.clock.now())
    turn_clock(11 * MINUTE)
    looked_after()
    assert now(letter).mail == "unknown"
    post._settle(claimed, "sent", post.actions.LETTER_SENT)
    assert now(letter).mail == "sent"


def test_an_answer_to_an_earlier_try_changes_nothing(letter, olive, outbox, turn_clock):
    claimed = post._claim(post.clock.now())
    turn_clock(11 * MINUTE)
    looked_after()
    letters.send_again(letter, by=olive)
    post._settle(claimed, "sent", post.actions.LETTER_SENT)
    assert now(letter).mail == "queued"


def test_what_can_no_longer_be_opened_is_given_up_at_once(letter, outbox):
    seal.destroy(letter.case.data_key)
    looked_after()
    assert (now(letter).mail, now(letter).code) == ("failed", "unreadable")
    assert outbox == []


def test_no_header_can_be_smuggled_in(letter, outbox):
    found = now(letter)
    found.seal("mail", {"to": "zoe@example.org", "subject": "Hello\nBcc: eve@example.org", "body": "Hello"})
    found.save()
    looked_after()
    assert (now(letter).mail, now(letter).code) == ("failed", "defect")
    assert outbox == []


def test_letters_for_which_nothing_is_mailed_are_left_alone(olive, outbox):
    letters.send(case_of(), "recipients", by=olive, channel="letter")
    looked_after()
    assert outbox == []
    assert Letter.objects.get().mail == "none"


@pytest.mark.parametrize(
    ("setting", "value"), [("LETTERS_FROM", ""), ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")]
)
def test_a_desk_that_has_lost_its_mail_server_shows_no_letter_and_calls_none_sent(
    letter, outbox, settings, capsys, setting, value
):
    setattr(settings, setting, value)
    looked_after()
    assert (now(letter).mail, now(letter).code) == ("queued", "mail_unreachable")
    assert "Zoe" not in capsys.readouterr().out
    assert outbox == []
