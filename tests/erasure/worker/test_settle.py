"""What is written down of a call, beside its way on."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from compliance import clock
from compliance.staff.models import IdempotentReply
from erasure import lifecycle, vendors
from erasure.connectors.apptus import Apptus
from erasure.connectors.base import Finish, Go
from erasure.models import Call, Evidence
from erasure.sandbox import Fault
from erasure.states import Pause
from erasure.worker import sweep
from tests.factories import person

from .lane import GOOD, Lane


@pytest.mark.parametrize("shown", [GOOD["password"], "C-1001"])
def test_what_a_vendor_sends_back_of_credentials_and_of_the_person_is_in_no_transcript(lane: Lane, shown: str) -> None:
    lane.case(identifiers=[("customer_id", "C-1001")])
    lane.apptus.faults.add(
        Fault("reply", status=400, body=f'{{"error": "no {shown}"}}', content_type="application/json")
    )
    call = lane.once()
    assert call.transcript["status"] == 400
    assert shown not in str(call.transcript)


def test_whatever_a_vendor_tells_of_somebody_is_in_no_transcript(lane: Lane) -> None:
    lane.case()
    told = {"name": "Anna Muster", "born": "1980-02-29", "cookie": "c00kie"}
    lane.apptus.faults.add(Fault("fields", fields=told, process=True))
    call = lane.once()
    assert call.verdict == "ok"
    assert "created" in str(call.transcript)
    assert not any(value in str(call.transcript) for value in told.values())


def test_a_job_number_that_names_the_person_stays_in_the_sealed_memory(lane: Lane) -> None:
    lane.case(identifiers=[("customer_id", "C-1001")])
    lane.apptus.faults.add(Fault("fields", fields={"jid": "job-C-1001"}, process=True))
    lane.once()
    work = lane.work()
    assert work.references == {}
    assert "job-C-1001" in str(work.unseal("memory"))


def test_a_connector_that_ends_without_an_outcome_for_everyone_is_not_believed(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane.case()
    _replace(monkeypatch, "start_export", lambda self, work, http: Finish())
    lane.once()
    work = lane.work()
    assert (work.status, work.attention_code) == ("needs_attention", "defect")


def test_a_download_that_the_step_does_not_keep_leaves_no_file(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.case()
    lane.to_step("fetch_export")

    def fetch_and_forget(self: Any, work: Any, http: Any) -> Go:
        jid = next(iter(work.memory["export"].values()))["jid"]
        http.download(self._path("export-customer-job-result"), query={"jid": jid}, name="x.zip")
        return Go("start_removal")

    _replace(monkeypatch, "fetch_export", fetch_and_forget)
    lane.once()
    assert lane.work().step == "start_removal"
    assert not Evidence.objects.exists()
    assert list(Path(settings.EVIDENCE_DIR).glob(f"{lane.work().case_id}/*")) == []


def test_a_retry_after_the_vendor_lost_a_removal_names_the_possible_duplicate(lane: Lane) -> None:
    lane.case()
    lane.to_step("await_removal")
    lane.apptus.faults.add(Fault("fields", fields={"status": "not_found"}, process=True))
    lane.once()
    assert lane.work().attention_code == "job_lost"
    lifecycle.retry(lane.work(), by=person("ada"))
    assert [told["step"] for told in lane.told("sub_task.may_repeat")] == ["start_removal"]


def test_one_failure_between_two_answers_is_no_pause_and_no_resumption(lane: Lane) -> None:
    lane.case()
    lane.apptus.faults.add(Fault("reply", status=503))
    lane.once()
    assert lane.account().failures == 1
    lane.due()
    lane.once()
    assert lane.account().failures == 0
    assert lane.told("vendor.resumed") == []


def test_patience_begins_anew_when_a_pause_is_over(lane: Lane) -> None:
    lane.case()
    vendors.pause(lane.account(), Pause.BY_HAND, "They move house.", clock.now(), trial_at=None)
    lane.turn(timedelta(days=10))
    vendors.resume(lane.account(), by=person("ada"))
    lane.apptus.faults.add(Fault("reply", status=503))
    lane.once()
    assert lane.work().status == "ready"


def test_patience_begins_anew_when_wrong_credentials_are_corrected(lane: Lane) -> None:
    lane.save(credentials={"password": "no"})
    lane.case()
    lane.once()
    lane.turn(timedelta(days=10))
    lane.save(credentials=GOOD)
    lane.apptus.faults.add(Fault("reply", status=503))
    lane.once()
    assert lane.work().status == "ready"


def test_a_call_tells_staff_what_went_over_the_wire(lane: Lane) -> None:
    lane.case()
    call = lane.once()
    assert (call.transcript["method"], call.transcript["status"]) == ("POST", 200)
    assert call.transcript["address"] == "/api/v1/event-data/create-export-customer-job?customerKey=…"
    assert Call.objects.get().verdict == "ok"


def test_answers_to_an_idempotency_key_are_forgotten_after_a_week(lane: Lane) -> None:
    old = IdempotentReply.objects.create(
        account=person("bot"), key="a" * 64, request="b" * 64, status=201, body={}, created_at=clock.now()
    )
    lane.turn(timedelta(days=8))
    sweep.tick()
    assert not IdempotentReply.objects.filter(pk=old.pk).exists()


def _replace(monkeypatch: pytest.MonkeyPatch, step: str, function: Any) -> None:
    function.step = Apptus.steps[step]
    monkeypatch.setattr(Apptus, step, function)
