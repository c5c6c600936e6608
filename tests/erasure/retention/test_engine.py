"""After a restore, workers and letters of a case that was destroyed again find nothing to go on with."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core import mail

from erasure import letters, retention
from erasure.alerts import causes
from erasure.models import Evidence, Letter
from erasure.worker import claims, settle, steps, sweep
from tests.erasure.worker.conftest import lane  # noqa: F401 - a fixture
from tests.erasure.worker.lane import Lane
from tests.factories import opened_case, person, vendor

from .made import anew

FIRST = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_worker_that_held_its_work_changes_nothing_and_leaves_no_file(
    lane: Lane,  # noqa: F811
    settings,
    tmp_path: Path,
    comes_back: bool,
) -> None:
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    case = lane.case()
    lane.to_step("fetch_export")
    claim = lane.claim()
    assert retention.shred_again({case.data_key_id: FIRST}, actor="system:restore") == 1
    before = anew(case).status, lane.work().status
    if comes_back:
        settle.settle(claim, steps.perform(claim))
    lane.turn(claims.LEASE + timedelta(seconds=1))
    sweep.tick()
    assert (anew(case).status, lane.work().status) == before == ("partly_completed", "stopped")
    claim.call.refresh_from_db()
    assert claim.call.verdict
    assert not Evidence.objects.filter(removed_at=None).exists()
    assert not list(Path(settings.EVIDENCE_DIR).rglob("*.sealed"))


@pytest.mark.django_db
def test_a_letter_that_the_backup_has_still_to_send_is_not_sent_and_asks_nobody(settings, tmp_path: Path) -> None:
    settings.EVIDENCE_DIR, settings.LETTERS_FROM = tmp_path / "evidence", "Shop <privacy@shop.example>"
    vendor()
    case = opened_case(submit=True, requester={"name": "Ada Lovelace", "reply_to": "ada@example.org"})
    letters.send(case, "acknowledgement", by=person("olive", "intake"), channel="email")
    assert Letter.objects.get().mail == "queued"
    retention.shred_again({case.data_key_id: FIRST}, actor="system:restore")
    letters.look_after(run=lambda send: send())
    assert mail.outbox == []
    assert Letter.objects.get().mail == "failed"
    assert not causes.unsent().exists()
