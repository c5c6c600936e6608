"""Vendor work, calls, evidence and the queue: to look at, and nothing else."""

import uuid

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils.timezone import localtime
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from django_q.tasks import async_task

from compliance import clock
from compliance.audit.actions import summarise
from compliance.audit.models import Event
from erasure import evidence
from erasure.models import Call, CallSubTask, Evidence, SubTask
from tests.factories import approved_case, work

from .conftest import told


@pytest.fixture
def stored(settings, tmp_path) -> Evidence:
    settings.EVIDENCE_DIR = tmp_path
    return a_file()


def a_file() -> Evidence:
    case = approved_case()
    sink = evidence.Sink(case)
    sink.write(b"what the vendor held")
    sink.finish()
    return Evidence.objects.create(
        id=sink.evidence_id,
        data_key=sink.key,
        case=case,
        sub_task=work(case),
        kind="export",
        name="apptus-export-1.zip",
        size=20,
        sha256="0" * 64,
        created_at=clock.now(),
    )


@pytest.fixture
def call(stored) -> Call:
    now = clock.now()
    call = Call.objects.create(
        vendor=stored.sub_task.vendor,
        step="start_export",
        writes=True,
        started_at=now,
        lease_until=now,
        finished_at=now,
        verdict="unknown",
        code="timeout",
        transcript={"method": "POST", "address": "/job?customerKey=…", "elapsed": 1.5},
    )
    CallSubTask.objects.create(call=call, sub_task=stored.sub_task, epoch=1)
    return call


def test_records_are_shown_to_auditors(signed_in, stored, call):
    client = signed_in("ann", "auditor")
    for name, item in (("evidence", stored), ("call", call), ("subtask", stored.sub_task)):
        listed = client.get(reverse(f"admin:erasure_{name}_changelist"), {"q": stored.case.reference.lower()})
        assert f"/{item.pk}/change/" in listed.content.decode()
        assert 'pattern="' in listed.content.decode()  # nothing but a reference goes into an address
        html = client.get(reverse(f"admin:erasure_{name}_change", args=[item.pk])).content.decode()
        assert stored.case.reference in html
        assert 'name="_save"' not in html
    assert "/job?customerKey=…" in client.get(reverse("admin:erasure_call_change", args=[call.pk])).content.decode()


def test_a_vendor_manager_reads_the_references_of_a_calls_cases_and_gets_no_dead_link(signed_in, stored, call):
    address = reverse("admin:erasure_call_change", args=[call.pk])
    case = reverse("admin:erasure_case_change", args=[stored.case_id])
    manager, auditor = signed_in("vera", "vendor manager"), signed_in("ann", "auditor")
    html = manager.get(address).content.decode()
    assert stored.case.reference in html
    assert case not in html
    assert manager.get(case).status_code == 403
    assert f'<a href="{case}">{stored.case.reference}</a>' in auditor.get(address).content.decode()
    assert auditor.get(case).status_code == 200


def test_records_have_titles_in_words(signed_in, stored, call):
    client = signed_in("ann", "auditor")
    at = localtime(call.started_at).strftime("%Y-%m-%d %H:%M:%S")
    reference = stored.case.reference
    for name, item, title in (
        ("call", call, f"Shop search: start the export, {at}"),
        ("subtask", stored.sub_task, f"{reference}: Shop search, erase"),
        ("evidence", stored, f"{reference}: apptus-export-1.zip"),
    ):
        answer = client.get(reverse(f"admin:erasure_{name}_change", args=[item.pk]))
        html = answer.content.decode()
        assert f"<h1>{title}</h1>" in html
        assert str(item) not in html.replace(answer.context["trail"], "")
        assert "/history/" not in html


@pytest.mark.parametrize("name", ["subtask", "evidence"])
def test_the_trail_of_a_record_is_linked_for_whoever_may_read_it(signed_in, stored, name):
    item = {"evidence": stored, "subtask": stored.sub_task}[name]
    address = reverse(f"admin:erasure_{name}_change", args=[item.pk])
    assert signed_in("olive", "intake").get(address).context["trail"] == ""
    auditor = signed_in("ann", "auditor")
    events = auditor.get(auditor.get(address).context["trail"]).context["cl"].result_list
    assert {event.subject for event in events} <= {str(item)}
    assert len(events) == (1 if name == "subtask" else 0)


def test_an_event_and_a_queued_message_have_no_history(signed_in, queued):
    client, event = signed_in("root", is_superuser=True), Event.objects.first()
    for page, item in (("audit_event", event), ("django_q_success", queued["success"])):
        address = reverse(f"admin:{page}_change", args=[item.pk])
        assert "/history/" not in client.get(address).content.decode()
        assert client.get(reverse(f"admin:{page}_history", args=[item.pk])).status_code == 404


def test_the_trail_tells_kinds_in_words_and_stores_them_as_they_are(stored):
    added = Event.objects.filter(action="identifier.added", case=stored.case.reference)
    assert {summarise(event) for event in added} == {"Identifier added: email", "Identifier added: customer id"}
    assert {event.details["kind"] for event in added} == {"email", "customer_id"}
    opened = Event.objects.get(action="case.opened", case=stored.case.reference)
    assert summarise(opened).startswith("Case opened: erasure under GDPR")


def test_work_is_filtered_by_proof_level_in_the_words_of_its_page(signed_in, stored):
    html = signed_in("ann", "auditor").get(reverse("admin:erasure_subtask_changelist")).content.decode()
    assert "<summary>Proof level" in html
    assert "assurance" not in html.replace("assurance__exact", "").replace("column-assurance", "")


@pytest.mark.parametrize("name", ["evidence", "call", "subtask"])
def test_nobody_adds_changes_or_deletes_records(signed_in, stored, call, name):
    client = signed_in("root", is_superuser=True)
    item = {"evidence": stored, "call": call, "subtask": stored.sub_task}[name]
    assert client.get(reverse(f"admin:erasure_{name}_add")).status_code == 403
    change = reverse(f"admin:erasure_{name}_change", args=[item.pk])
    assert client.post(change, {"status": "done", "verdict": "ok"}).status_code == 403
    assert client.post(reverse(f"admin:erasure_{name}_delete", args=[item.pk]), {"post": "yes"}).status_code == 403


# --- evidence


def test_evidence_is_filtered_by_the_kinds_that_there_are(signed_in, stored):
    client, address = signed_in("ann", "auditor"), reverse("admin:erasure_evidence_changelist")
    Evidence.objects.create(
        case=stored.case, kind="output", name="b.csv", size=1, sha256="1" * 64, created_at=clock.now()
    )
    html = client.get(address).content.decode()
    assert 'href="?kind=export"' in html
    assert 'href="?kind=output"' in html
    assert client.get(address, {"kind": "export"}).context["cl"].result_list == [stored]
    assert client.get(address, {"kind": "nonsense"}).context["cl"].result_list == []


def test_evidence_is_downloaded_in_the_clear_and_leaves_an_event(signed_in, stored):
    client = signed_in("anton", "administrator")
    answer = client.post(reverse("admin:erasure_evidence_download", args=[stored.pk]))
    assert answer.getvalue() == b"what the vendor held"
    assert answer["Content-Disposition"] == 'attachment; filename="apptus-export-1.zip"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    assert Event.objects.get(action="evidence.downloaded").subject == f"evidence:{stored.pk}"


def test_a_download_is_on_record_before_its_first_byte_and_is_always_whole(signed_in, stored):
    client = signed_in("anton", "administrator")
    address = reverse("admin:erasure_evidence_download", args=[stored.pk])
    answer = client.post(address, headers={"range": "bytes=5-8"})
    assert Event.objects.filter(action="evidence.downloaded").count() == 1, "nothing has been read yet"
    assert (answer.status_code, answer.getvalue()) == (200, b"what the vendor held")
    assert client.head(address).status_code == client.get(address).status_code == 405
    assert Event.objects.filter(action="evidence.downloaded").count() == 1


def test_what_cannot_be_put_on_record_is_not_downloaded(signed_in, stored, monkeypatch):
    def broken(*args, **kwargs):
        raise OSError("the disk is full")

    client = signed_in("anton", "administrator")
    client.raise_request_exception = False
    monkeypatch.setattr("erasure.admin.download.record", broken)
    answer = client.post(reverse("admin:erasure_evidence_download", args=[stored.pk]))
    assert answer.status_code == 500
    assert b"what the vendor held" not in answer.content


@pytest.mark.parametrize("role", ["intake", "auditor", "vendor manager"])
def test_other_roles_cannot_download(signed_in, stored, role):
    client = signed_in("ann", role)
    address = reverse("admin:erasure_evidence_download", args=[stored.pk])
    assert client.post(address).status_code == 403
    assert client.get(address).status_code == 405
    assert not Event.objects.filter(action="evidence.downloaded").exists()


def test_removed_or_broken_evidence_is_told_and_leaves_no_event(signed_in, stored):
    client = signed_in("anton", "administrator")
    address = reverse("admin:erasure_evidence_download", args=[stored.pk])
    evidence.path_of(stored).write_bytes(b"tampered")
    assert "could not be opened" in told(client.post(address))[0]
    Evidence.objects.filter(pk=stored.pk).update(removed_at=clock.now())
    assert "has been removed" in told(client.post(address))[-1]
    assert client.post(reverse("admin:erasure_evidence_download", args=[uuid.uuid4()])).status_code == 404
    assert not Event.objects.filter(action="evidence.downloaded").exists()


# --- the queue


@pytest.fixture
def queued():
    async_task("erasure.worker.lanes.run", str(uuid.uuid4()))
    now = clock.now()
    common = {"func": "erasure.worker.lanes.run", "started": now, "stopped": now}
    Task.objects.create(id="a" * 32, name="failed", success=False, result="worker died", **common)
    Task.objects.create(id="b" * 32, name="worked", success=True, **common)
    return {"ormq": OrmQ.objects.first(), "failure": Failure.objects.get(), "success": Success.objects.get()}


@pytest.mark.parametrize("name", ["ormq", "failure", "success"])
def test_the_queue_is_read_only_even_for_superusers(signed_in, queued, name):
    client, item = signed_in("root", is_superuser=True), queued[name]
    listed = reverse(f"admin:django_q_{name}_changelist")
    html = client.get(listed).content.decode()
    assert "erasure.worker.lanes.run" in html
    assert 'name="action"' not in html
    before = OrmQ.objects.count()
    for action in ("resubmit_task", "delete_selected"):
        client.post(listed, {"action": action, "_selected_action": [item.pk], "post": "yes"})
    change = reverse(f"admin:django_q_{name}_change", args=[item.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"key": "x", "name": "x"}).status_code == 403
    assert client.post(reverse(f"admin:django_q_{name}_delete", args=[item.pk]), {"post": "yes"}).status_code == 403
    assert client.get(reverse(f"admin:django_q_{name}_add")).status_code == 403
    assert OrmQ.objects.count() == before
    assert type(item).objects.filter(pk=item.pk).exists()


def test_schedules_have_no_page():
    assert not admin.site.is_registered(Schedule)


# --- the home page


def test_the_home_page_lists_what_staff_know_in_the_order_of_their_work(signed_in):
    apps = signed_in("root", is_superuser=True).get(reverse("admin:index")).context["app_list"]
    assert [app["name"] for app in apps] == ["Erasure Desk", "Audit trail", "Queue", "People and access"]
    names = ["Cases", "Vendor work", "Bulk work", "Vendor accounts", "Alerts", "Calls", "Evidence", "Absences"]
    names += ["Texts for letters"]
    assert [model["name"] for model in apps[0]["models"]] == names
    assert {model["object_name"] for model in apps[-1]["models"]} >= {"User", "Group", "ServiceToken"}


def test_work_shows_the_vendors_numbers_and_nothing_sealed(signed_in, stored):
    SubTask.objects.filter(pk=stored.sub_task_id).update(references={"export_job": "job-17"})
    address = reverse("admin:erasure_subtask_change", args=[stored.sub_task_id])
    html = signed_in("ann", "auditor").get(address).content.decode()
    assert "job-17" in html
    assert "memory" not in html
