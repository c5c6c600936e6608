"""Carrying out bulk work: row by row, each once, whoever is killed, comes late or loses the right to it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import OperationalError
from django.utils import translation
from django_q.models import OrmQ

from compliance.audit.models import Event
from compliance.staff.models import User
from compliance.vault import seal
from compliance.vault.models import DataKey
from erasure import bulk, dispatch
from erasure.bulk import running
from erasure.bulk.deeds import DEEDS, Deed
from erasure.errors import Conflict, Forbidden
from erasure.models import BulkJob, BulkRow, Case
from erasure.states import BulkStatus
from erasure.worker import sweep
from tests.factories import opened_case, opening, person, vendor

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)  # hints are given on commit


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor()
    cache.clear()
    monkeypatch.setattr(dispatch, "HINT_LASTS", 3600)  # longer than any test: the cache counts real seconds


@pytest.fixture
def hank() -> User:
    """May put cases on hold, and nothing else."""
    account = person("hank")
    account.user_permissions.add(*Permission.objects.filter(codename__in=["view_case", "hold_case"]))
    return account


def prepared(by: User, deed: str = "hold", cases: int = 3) -> BulkJob:
    for _number in range(cases):
        opened_case()
    job = bulk.prepare(deed, Case.objects.order_by("reference"), by=by)
    assert job
    return job


@pytest.fixture
def started(hank: User, monkeypatch: pytest.MonkeyPatch) -> BulkJob:
    """A job of three cases that the worker has still to do."""
    monkeypatch.setattr(running, "SMALL", 0)
    job = prepared(hank)
    bulk.start(job, by=hank, given={"note": "The breach of May."})
    return job


def replaced(monkeypatch: pytest.MonkeyPatch, do: Callable[[BulkRow, Any, Any], str | None]) -> None:
    """Holding does `do` instead."""
    monkeypatch.setitem(DEEDS, "hold", Deed("erasure.hold_case", do))


def results(job: BulkJob) -> list[str]:
    return list(job.rows.order_by("number").values_list("result", flat=True))


def hints() -> list[tuple[str, ...]]:
    """What the queue holds for bulk work."""
    tasks = [message.task for message in OrmQ.objects.all()]
    return [task["args"] for task in tasks if task["func"] == "erasure.bulk.running.run"]


def held() -> int:
    return Case.objects.exclude(held_at=None).count()


@commits
def test_a_large_one_is_hinted_at_once_and_done_by_the_worker(started: BulkJob) -> None:
    assert hints() == [(str(started.pk),)]
    assert held() == 0
    running.run(str(started.pk))
    started.refresh_from_db()
    assert (held(), results(started), started.status) == (3, ["done"] * 3, BulkStatus.ENDED)
    assert Event.objects.get(action="bulk.ended").actor == "system:worker"
    actors = set(Event.objects.filter(action="case.held").values_list("actor", flat=True))
    assert actors == {f"user:{started.person_id}"}


@commits
def test_a_lost_hint_is_made_up_for_and_none_is_made_while_a_worker_is_at_it(started: BulkJob) -> None:
    OrmQ.objects.all().delete()
    sweep.tick()
    assert not hints()  # a hint was made a moment ago
    dispatch.forget_hints()
    sweep.tick()
    assert len(hints()) == 1
    OrmQ.objects.all().delete()
    dispatch.bulk_heard(started.pk)
    dispatch.hold_bulk(started.pk)
    sweep.tick()
    assert not hints()


@commits
def test_a_worker_hands_back_after_its_time_and_hints_again(started: BulkJob, monkeypatch: pytest.MonkeyPatch) -> None:
    OrmQ.objects.all().delete()
    monkeypatch.setattr(running, "RUN_SECONDS", -1)
    running.run(str(started.pk))
    assert (held(), len(hints())) == (0, 1)


class Killed(BaseException):
    pass


def test_whoever_is_killed_in_a_row_leaves_it_undone_and_the_next_one_goes_on(
    started: BulkJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = DEEDS["hold"].do, []

    def dies_in_the_second(row: BulkRow, by: Any, given: Any) -> str | None:
        said = original(row, by, given)
        calls.append(row.number)
        if len(calls) == 2:
            raise Killed
        return said

    replaced(monkeypatch, dies_in_the_second)
    with pytest.raises(Killed):
        running.run(str(started.pk))
    assert (held(), results(started)) == (1, ["done", "", ""])
    running.run(str(started.pk))
    assert (held(), results(started)) == (3, ["done"] * 3)
    assert calls == [1, 2, 2, 3]
    assert Event.objects.filter(action="case.held").count() == 3


def test_one_that_was_killed_after_its_last_row_is_ended_by_the_next(
    started: BulkJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(running, "_end", lambda *_, **__: False)
        running.run(str(started.pk))
    assert Event.objects.filter(action="bulk.ended").count() == 0
    running.run(str(started.pk))
    running.run(str(started.pk))
    assert Event.objects.filter(action="bulk.ended").count() == 1
    assert held() == 3


def test_a_busy_database_leaves_the_row_to_be_done_later(started: BulkJob, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:

        def busy(row: BulkRow, by: Any, given: Any) -> None:
            raise OperationalError("database is locked")

        replaced(patch, busy)
        with pytest.raises(OperationalError):
            running.run(str(started.pk))
    assert results(started) == ["", "", ""]
    running.run(str(started.pk))
    assert results(started) == ["done"] * 3


def test_an_error_of_ours_fails_one_row_whole_and_holds_up_no_other(
    started: BulkJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = DEEDS["hold"].do

    def fails_in_the_second(row: BulkRow, by: Any, given: Any) -> str | None:
        said = original(row, by, given)
        if row.number == 2:
            raise RuntimeError("ada@example.org")
        return said

    replaced(monkeypatch, fails_in_the_second)
    running.run(str(started.pk))
    assert (held(), results(started)) == (2, ["done", "failed", "done"])
    assert "nothing was changed here" in started.rows.get(number=2).text
    assert "RuntimeError" in caplog.text
    assert "ada@" not in caplog.text


@pytest.mark.parametrize("loses", ["the permission", "the account", "the sign-in"])
def test_whoever_loses_the_right_meanwhile_has_the_rest_refused(
    started: BulkJob, hank: User, monkeypatch: pytest.MonkeyPatch, loses: str
) -> None:
    original = DEEDS["hold"].do

    def then_loses_it(row: BulkRow, by: Any, given: Any) -> str | None:
        said = original(row, by, given)
        if loses == "the permission":
            hank.user_permissions.clear()
        else:
            User.objects.filter(pk=hank.pk).update(**{"is_active" if loses == "the account" else "is_staff": False})
        return said

    replaced(monkeypatch, then_loses_it)
    running.run(str(started.pk))
    started.refresh_from_db()
    assert (held(), results(started), started.status) == (1, ["done", "skipped", "skipped"], BulkStatus.ENDED)
    assert "may no longer do this" in started.rows.get(number=3).text
    assert Event.objects.get(action="bulk.ended").details == {"deed": "hold", "done": 1, "skipped": 2, "failed": 0}


def test_stopped_in_the_middle_leaves_the_rest_as_it_was(
    started: BulkJob, hank: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = running._next

    def stops_after_the_first(*arguments: Any) -> bool:
        went = original(*arguments)
        if not seen:
            bulk.stop(started, by=hank)
        seen.append(went)
        return went

    monkeypatch.setattr(running, "_next", stops_after_the_first)
    running.run(str(started.pk))
    started.refresh_from_db()
    assert (held(), results(started), started.status) == (1, ["done", "skipped", "skipped"], BulkStatus.STOPPED)
    assert not Event.objects.filter(action="bulk.ended").exists()
    assert Event.objects.get(action="bulk.stopped").actor == f"user:{hank.pk}"
    running.run(str(started.pk))
    assert held() == 1


def test_what_was_given_is_sealed_and_destroyed_at_the_end(started: BulkJob) -> None:
    started.refresh_from_db()
    sealed = bytes(started.given_sealed)
    assert b"breach" not in sealed
    assert started.unseal("given") == {"note": "The breach of May."}
    running.run(str(started.pk))
    started.refresh_from_db()
    assert started.given_sealed is None
    assert started.data_key
    assert DataKey.objects.get(pk=started.data_key.pk).destroyed_at


def test_what_was_given_and_cannot_be_opened_fails_every_row_with_nothing_done(started: BulkJob) -> None:
    started.refresh_from_db()
    assert started.data_key
    seal.destroy(started.data_key)
    running.run(str(started.pk))
    assert (held(), results(started)) == (0, ["failed"] * 3)


def test_the_results_are_in_the_language_of_whoever_started_it(hank: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SMALL", 0)
    told = []

    def says(row: BulkRow, by: Any, given: Any) -> str | None:
        told.append(translation.get_language())
        return None

    replaced(monkeypatch, says)
    job = prepared(hank, cases=1)
    with translation.override("de"):
        bulk.start(job, by=hank, given={})
    running.run(str(job.pk))
    assert told == ["de"]


def test_only_whoever_prepared_it_starts_it_and_once(hank: User) -> None:
    job = prepared(hank)
    with pytest.raises(Forbidden):
        bulk.start(job, by=person("ada", "approver"), given={})
    assert held() == 0
    bulk.start(job, by=hank, given={})
    assert held() == 3
    with pytest.raises(Conflict):
        bulk.start(job, by=hank, given={})
    assert Event.objects.filter(action="bulk.started").count() == 1


def test_what_only_reads_is_never_carried_out(hank: User) -> None:
    job = prepared(hank, "export")
    with pytest.raises(Conflict):
        bulk.start(job, by=hank, given={})
    assert results(job) == [""] * 3


def test_a_deed_of_another_kind_opens_a_case_for_each_row(hank: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an import of many rows would: what each row holds is sealed under the job's key until the end."""
    from erasure import intake

    def opens(row: BulkRow, by: Any, given: Any) -> None:
        row.case = intake.open_case(opening(identifiers=row.unseal("given")), by=by)

    replaced(monkeypatch, opens)
    monkeypatch.setattr(running, "SMALL", 0)
    job = prepared(hank, cases=1)
    job.rows.all().delete()
    bulk_key = seal.new_key()
    BulkJob.objects.filter(pk=job.pk).update(data_key=bulk_key)
    job.refresh_from_db()
    for number, value in enumerate(("C-1", "no\nid", "C-3"), 1):
        row = BulkRow(job=job, number=number)
        row.seal("given", [["customer_id", value]])
        row.save(force_insert=True)
    bulk.start(job, by=hank, given={})
    running.run(str(job.pk))
    assert results(job) == ["done", "skipped", "done"]
    opened = [row.case for row in job.rows.order_by("number")]
    assert [bool(case) for case in opened] == [True, False, True]
    assert BulkRow.objects.exclude(given_sealed=None).count() == 0
