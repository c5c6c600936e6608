"""Which place is due, what an anchoring leaves behind, and what a failure does to the others: nothing."""

import io
import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django_q.models import OrmQ

from compliance import clock
from compliance.audit import anchor, seal
from compliance.audit.anchor.places import Folder
from compliance.audit.models import Anchor, Checkpoint, Event
from tests.server import Server, reply

from .conftest import TAKEN

Sealed = Callable[[], Checkpoint]
Turn = Callable[[timedelta], Any]
MINUTE = timedelta(minutes=1)


def due() -> list[str]:
    return [place.name for place in anchor.due(clock.now())]


def run_all() -> None:
    """What the workers do with the hints of one look."""
    for name in due():
        anchor.run(name)


def anchors() -> list[tuple[str, int]]:
    return list(Anchor.objects.order_by("id").values_list("place", "size"))


# --- what is due ------------------------------------------------------------------------------------------------------


def test_nothing_is_due_without_a_place_or_without_a_checkpoint(
    db: None, settings: Any, folder: Path, sealed: Sealed
) -> None:
    assert due() == []
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    assert due() == []
    sealed()
    assert due() == [f"file://{folder}"]


def test_a_place_gets_the_newest_checkpoint_and_then_none_before_the_minutes_are_over(
    settings: Any, folder: Path, sealed: Sealed, turn_clock: Turn
) -> None:
    settings.AUDIT_ANCHOR, settings.AUDIT_ANCHOR_MINUTES = [f"file://{folder}"], 10
    turn_clock(timedelta())
    sealed()
    first = sealed()
    run_all()
    assert [file.name for file in folder.iterdir()] == [f"{first.size}.checkpoint"]
    assert (folder / f"{first.size}.checkpoint").read_text() == first.note
    sealed()
    second = sealed()
    turn_clock(10 * MINUTE - timedelta(seconds=1))
    assert due() == []
    turn_clock(timedelta(seconds=1))
    run_all()
    assert anchors() == [(f"file://{folder}", first.size), (f"file://{folder}", second.size)]
    turn_clock(timedelta(days=1))
    assert due() == [], "there is nothing new"


def test_with_no_minutes_each_seal_is_anchored(settings: Any, folder: Path, sealed: Sealed) -> None:
    settings.AUDIT_ANCHOR, settings.AUDIT_ANCHOR_MINUTES = [f"file://{folder}"], 0
    made = []
    for _again in range(3):
        made.append(sealed().size)
        run_all()
    assert [size for _place, size in anchors()] == made


def test_a_row_beyond_the_log_does_not_stop_anchoring(settings: Any, folder: Path, sealed: Sealed) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    Anchor.objects.create(place=f"file://{folder}", size=10**9, at=clock.now())
    first = sealed()
    run_all()
    assert (folder / f"{first.size}.checkpoint").exists()
    second = sealed()
    anchor.anchor_all(second)
    assert (folder / f"{second.size}.checkpoint").exists()


def test_a_clock_that_was_ahead_for_a_while_holds_nothing_up(
    settings: Any, folder: Path, sealed: Sealed, turn_clock: Turn
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}", "file:///no/such/folder"]
    turn_clock(timedelta(days=365))
    sealed()
    run_all()
    turn_clock(timedelta(days=-365))
    sealed()
    assert due() == [f"file://{folder}", "file:///no/such/folder"]


def test_anchoring_leaves_no_event_which_would_have_to_be_anchored(settings: Any, folder: Path, sealed: Sealed) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}", "file:///no/such/folder"]
    sealed()
    before = Event.objects.count()
    run_all()
    assert Event.objects.count() == before
    assert seal.seal() == 0


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_place_that_fails_is_left_alone_for_longer_and_longer_and_the_others_go_on(
    settings: Any, folder: Path, sealed: Sealed, turn_clock: Turn
) -> None:
    settings.AUDIT_ANCHOR, settings.AUDIT_ANCHOR_MINUTES = ["file:///no/such/folder", f"file://{folder}"], 0
    turn_clock(timedelta())
    pauses = []
    for _again in range(9):
        made = sealed()
        run_all()
        assert anchors()[-1] == (f"file://{folder}", made.size)
        minutes = 0
        while due() == []:
            turn_clock(MINUTE)
            minutes += 1
            assert minutes <= 60
        pauses.append(minutes)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_place_that_comes_back_gets_the_newest_and_all_is_forgotten(
    settings: Any, folder: Path, sealed: Sealed, turn_clock: Turn, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    folder.rmdir()
    sealed()
    run_all()
    (place,) = anchor.standing()
    assert place.trouble.endswith("No such file or directory")
    folder.mkdir()
    newest = sealed()
    turn_clock(MINUTE)
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="compliance"):
        run_all()
    assert anchors() == [(place.place, newest.size)]
    assert anchor.standing()[0].trouble == ""
    assert [record.getMessage() for record in caplog.records] == [
        f"anchored again at file://{folder} (failures before: 1)"
    ]


def test_an_error_of_ours_is_a_failure_of_that_place_alone(
    settings: Any, folder: Path, sealed: Sealed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}/a", f"file://{folder}"]
    whole = Folder.take

    def take(place: Folder, size: int, note: str) -> None:
        if place.name.endswith("/a"):
            raise ValueError("s3cret")
        whole(place, size, note)

    monkeypatch.setattr(Folder, "take", take)
    made = sealed()
    outcomes = anchor.anchor_all(made)
    assert [outcome.trouble for outcome in outcomes] == ["an error in Erasure Desk (ValueError)", ""]
    assert anchors() == [(f"file://{folder}", made.size)]
    assert "s3cret" not in caplog.text


def test_a_try_that_is_killed_counts_as_a_failure(
    settings: Any, folder: Path, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mount that hangs takes its worker with it; it must not take the next one at once."""
    settings.AUDIT_ANCHOR = [f"file://{folder}"]

    def killed(*_given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "take", killed)
    sealed()
    with pytest.raises(KeyboardInterrupt):
        run_all()
    assert due() == []
    assert anchor.standing()[0].trouble == "it was tried and nothing came back yet"


def test_a_failure_is_one_line_that_names_the_place(
    serve: Callable[..., Server], settings: Any, sealed: Sealed, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(reply(status="500 Ouch"))
    settings.AUDIT_ANCHOR = [server.url]
    sealed()
    run_all()
    (record,) = caplog.records
    assert record.getMessage() == f"not anchored at {server.url}: it answered with status 500"
    assert (record.levelname, record.exc_info) == ("WARNING", None)


def test_no_secret_of_an_address_is_in_logs_rows_the_queue_or_on_pages(
    serve: Callable[..., Server], settings: Any, sealed: Sealed, monkeypatch: pytest.MonkeyPatch, turn_clock: Turn
) -> None:
    """Also of one that works, one that sends on, one that breaks off and one that cannot be found."""

    def secret(url: str) -> str:
        return url.replace("://", "://s3cretuser:s3cretword@") + "/s3cretpath?token=s3cretquery"

    # A handler of our own: pytest's also listens at loggers that do not propagate.
    log = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(log)])
    for name in ("", "urllib3", "compliance"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]
    others = [reply(b"", "Location: /s3cret", status="302 Moved"), b"", b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"]
    urls = [serve(said).url for said in (TAKEN, *others)]
    settings.AUDIT_ANCHOR = [secret(url) for url in (*urls, "https://no-such-host.invalid")]
    settings.AUDIT_TIMESTAMP_URL = secret(serve(reply(b"no time stamp")).url)
    sealed()
    turn_clock(timedelta())
    anchor.wake()
    queued = [str(message.task) for message in OrmQ.objects.all()]
    run_all()
    assert len(queued) == 6
    assert len(anchors()) == 2
    assert log.getvalue().count("not anchored at") == 4
    shown = repr((anchor.standing(), anchor.due(clock.now() + timedelta(hours=1))))
    for text in (log.getvalue(), repr(anchors()), repr(queued), shown):
        assert "s3cret" not in text


# --- hints, and two at once -------------------------------------------------------------------------------------------


def test_each_place_has_one_hint_at_a_time_and_taking_it_up_makes_room_for_the_next(
    settings: Any, folder: Path, sealed: Sealed
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{folder}", "file:///no/such/folder"]
    settings.AUDIT_ANCHOR_MINUTES = 0
    sealed()
    for _again in range(3):
        anchor.wake()
    queued = [message.task for message in OrmQ.objects.order_by("pk")]
    assert [task["func"] for task in queued] == ["compliance.audit.anchor.run"] * 2
    assert [task["args"] for task in queued] == [(f"file://{folder}",), ("file:///no/such/folder",)]
    run_all()
    sealed()
    anchor.wake()
    assert OrmQ.objects.count() == 3, "the folder again; the other has its pause"


def test_a_hint_that_comes_twice_or_too_late_does_nothing(
    serve: Callable[..., Server], settings: Any, sealed: Sealed
) -> None:
    server = serve()
    settings.AUDIT_ANCHOR = [server.url]
    sealed()
    for _again in range(3):
        anchor.run(server.url)
    anchor.run("https://a-place-that-is-no-longer.example")
    assert len(server.requests) == len(anchors()) == 1


def test_two_that_anchor_at_once_leave_one_row(
    transactional_db: None, settings: Any, folder: Path, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hosts, say: both are past the look at what is anchored when the first one writes."""
    settings.AUDIT_ANCHOR = [f"file://{folder}"]
    made = sealed()
    both, outcomes, whole = threading.Barrier(2), [], Folder.take

    def take(*given: Any) -> None:
        both.wait(60)
        whole(*given)

    def work() -> None:
        try:
            outcomes.extend(anchor.anchor_all(made))
        finally:
            connection.close()

    monkeypatch.setattr(Folder, "take", take)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert outcomes == [anchor.Outcome(f"file://{folder}", made.size)] * 2
    assert anchors() == [(f"file://{folder}", made.size)]
