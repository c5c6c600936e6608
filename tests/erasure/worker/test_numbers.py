"""A vendor that gives one case the number of another's job must not have it taken for this one's."""

from erasure import lifecycle
from erasure.models import Call
from erasure.sandbox import Fault
from tests.factories import person

from .lane import Lane


def job_of(lane: Lane, case, name: str) -> str:
    return lane.work(case).references[name]


def answers_with(lane: Lane, call: str, number: str) -> None:
    lane.apptus.faults.add(Fault("fields", path=f"*/create-{call}-customer-job", fields={"jid": number}))


def test_a_removal_under_the_number_of_anothers_is_not_taken_for_done(lane: Lane) -> None:
    lane.save(options={"export_before_erasing": False})
    first = lane.to_end(lane.case(identifiers=[("customer_id", "AA-1")]))
    assert first.status == "completed"
    other = lane.case(identifiers=[("customer_id", "BB-1")])
    answers_with(lane, "remove", job_of(lane, first, "removal_job"))
    lane.due(other)
    call = lane.once()
    work = lane.work(other)
    assert (work.status, work.attention_code, work.references) == ("needs_attention", "number_of_another", {})
    assert "gave for another case" in work.attention_text
    assert (call.verdict, call.code) == ("unknown", "number_of_another")
    lifecycle.retry(work, by=person("olive", "intake"))
    assert lane.to_end(other).status == "completed"
    assert lane.effects().count("removal_started") == 3, "the retry has begun one for this case"
    assert [event["step"] for event in lane.told("sub_task.may_repeat")] == ["start_removal"]


def test_an_export_of_somebody_else_never_becomes_evidence(lane: Lane) -> None:
    first, other = (lane.case(identifiers=[("customer_id", name)]) for name in ("CC-1", "DD-1"))
    lane.once()
    answers_with(lane, "export", job_of(lane, first, "export_job"))
    lane.once()
    assert lane.work(other).attention_code == "number_of_another"
    assert not other.evidence.exists()


def test_one_person_in_two_cases_may_have_one_job(lane: Lane) -> None:
    first, again = (lane.case(identifiers=[("customer_id", "CC-1")]) for _case in range(2))
    lane.once()
    answers_with(lane, "export", job_of(lane, first, "export_job"))
    lane.once()
    assert lane.work(again).references == lane.work(first).references
    assert not Call.objects.exclude(verdict="ok").exists()
