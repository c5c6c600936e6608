"""Two pairs of eyes, and the very plan that they saw."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from compliance import clock
from compliance.audit.models import Event
from compliance.staff import tokens
from erasure import intake, lifecycle, planning, vendors
from erasure.errors import Conflict, DeskError, Forbidden
from erasure.models import Case, PlanParty, SubTask
from erasure.states import CaseStatus, RevisionStatus, Role, SubTaskStatus
from tests.factories import approve, approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(db):
    return vendor("Shop search")


def refused_by_four_eyes(case, who):
    """Nothing changes when `who` tries to approve the open plan version. True if the refusal says why not."""
    revision = lifecycle.open_revision(case)
    events = Event.objects.count()
    reason = lifecycle.why_not_approve(revision, who)
    with pytest.raises(Forbidden) as refused:
        lifecycle.approve(case, by=who, digest=revision.digest)
    revision.refresh_from_db()
    assert revision.status == RevisionStatus.OPEN
    assert not revision.parties.filter(role=Role.APPROVER).exists()
    assert not revision.sub_tasks.exclude(status=SubTaskStatus.PLANNED).exists()
    assert Event.objects.count() == events
    assert refused.value.code == "four_eyes"
    return refused.value.text == reason


# --- what an approval does


def test_an_approval_by_somebody_else_sets_the_work_going(turn_clock):
    vendor("Paper archive", "manual")
    vendor("Forum", options={"customer_key_from": ["cookie_id"]})
    case = opened_case(submit=True)
    now = turn_clock(clock.now())

    lifecycle.approve(case, by=person("ada"), digest=case.revisions.get().digest, note="Checked.")

    revision = case.revisions.get()
    assert (case.status, revision.status, revision.approved_at) == (
        CaseStatus.IN_PROGRESS,
        RevisionStatus.APPROVED,
        now,
    )
    assert {item.vendor.name: item.status for item in case.sub_tasks.all()} == {
        "Shop search": SubTaskStatus.READY,
        "Paper archive": SubTaskStatus.AWAITING_ATTESTATION,
        "Forum": SubTaskStatus.AWAITING_IDENTIFIER,
    }
    assert (work(case).step, work(case).next_at) == ("start_export", now)
    assert revision.parties.get(role=Role.APPROVER).person == person("ada")
    event = Event.objects.get(action="case.approved", case=case.reference)
    assert event.actor == f"user:{person('ada').pk}"
    assert event.details["digest"] == revision.digest
    assert "Checked" not in event.canonical
    assert case.notes.get().unseal("text") == "Checked."


def test_a_dispatch_delay_leaves_time_for_an_undo(settings, turn_clock):
    settings.DISPATCH_DELAY_MINUTES = 15
    now = turn_clock(clock.now())
    case = approved_case()

    assert work(case).next_at == now + timedelta(minutes=15)
    turn_clock(timedelta(minutes=14))
    lifecycle.cancel(case, by=case.opened_by, reason="mistaken")
    assert case.status == CaseStatus.CANCELLED
    assert work(case).status == SubTaskStatus.STOPPED


# --- four eyes


def test_who_opened_a_case_cannot_approve_it():
    assert refused_by_four_eyes(opened_case(submit=True), person("olive"))


def test_a_superuser_who_opened_a_case_cannot_approve_it():
    root = person("root", is_superuser=True)

    assert refused_by_four_eyes(opened_case(by=root, submit=True), root)


def test_two_tokens_of_one_service_account_are_one_person():
    texts = [tokens.issue("crm", scopes)[1] for scopes in (["cases:write"], ["cases:approve"])]
    opener, approver = (tokens.find(text).account for text in texts)
    case = opened_case(by=opener, submit=True)

    assert refused_by_four_eyes(case, approver)

    _token, other = tokens.issue("review-bot", ["cases:approve"])
    approve(case, by=tokens.find(other).account)
    assert case.status == CaseStatus.IN_PROGRESS


def test_who_changed_the_plan_cannot_approve_it_and_a_third_person_can():
    case = opened_case(submit=True)
    intake.add_identifier(case, by=person("otto"), kind="customer_id", value="C-2")

    assert refused_by_four_eyes(case, person("otto"))
    assert refused_by_four_eyes(case, person("olive"))
    approve(case, by=person("ada"))
    assert case.status == CaseStatus.IN_PROGRESS


def test_who_took_an_identifier_out_of_the_draft_cannot_approve_it():
    case = opened_case()
    intake.remove_identifier(case.identifiers.get(kind="email"), by=person("otto"))
    lifecycle.submit(case, by=person("olive"))

    assert refused_by_four_eyes(case, person("otto"))


def test_who_submits_a_case_that_others_opened_may_approve_it():
    case = opened_case()
    lifecycle.submit(case, by=person("ada"))

    approve(case, by=person("ada"))
    assert case.status == CaseStatus.IN_PROGRESS


def test_the_approver_of_the_first_version_who_extends_the_case_cannot_approve_the_second():
    case = approved_case(approver=person("ada"))
    intake.add_identifier(case, by=person("ada"), kind="customer_id", value="C-2")

    assert refused_by_four_eyes(case, person("ada"))
    assert refused_by_four_eyes(case, person("olive"))
    approve(case, by=person("otto"))
    assert case.revisions.get(number=2).status == RevisionStatus.APPROVED


@pytest.mark.parametrize("first", [Role.AUTHOR, Role.APPROVER])
@pytest.mark.parametrize("second", [Role.AUTHOR, Role.APPROVER])
def test_the_database_itself_gives_a_person_one_part_in_a_plan_version(first, second):
    revision = opened_case(submit=True).revisions.get()
    PlanParty.objects.create(revision=revision, person=person("ada"), role=first, at=clock.now())

    with pytest.raises(IntegrityError), transaction.atomic():
        PlanParty.objects.create(revision=revision, person=person("ada"), role=second, at=clock.now())


def test_the_database_itself_lets_a_plan_version_be_approved_once():
    revision = approved_case().revisions.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        PlanParty.objects.create(revision=revision, person=person("otto"), role=Role.APPROVER, at=clock.now())


def test_the_database_holds_the_rule_even_where_the_code_forgets_it(monkeypatch):
    case = opened_case(submit=True)
    monkeypatch.setattr("erasure.lifecycle.case.why_not_approve", lambda revision, person: "")

    assert not refused_by_four_eyes(case, person("olive")), "refused all the same, in other words"


# --- the plan that was read


def test_another_digest_approves_nothing():
    case = opened_case(submit=True)

    for digest in ("", "0" * 64, case.revisions.get().digest.upper()):
        with pytest.raises(Conflict) as refused:
            lifecycle.approve(case, by=person("ada"), digest=digest)
        assert refused.value.code == "plan_changed"
    assert case.revisions.get().status == RevisionStatus.OPEN


def change_an_option(case):
    vendors.save({"name": "Shop search", "options": {"export_before_erasing": False}})


def add_an_identifier(case):
    intake.add_identifier(case, by=person("otto"), kind="customer_id", value="C-2")


def add_a_vendor(case):
    vendor("Paper archive", "manual")


@pytest.mark.parametrize("change", [change_an_option, add_an_identifier, add_a_vendor])
def test_a_plan_that_has_changed_since_it_was_read_is_refused_and_the_new_one_can_be_approved(change):
    case = opened_case(submit=True)
    read = case.revisions.get().digest
    change(case)

    with pytest.raises(Conflict) as refused:
        lifecycle.approve(case, by=person("ada"), digest=read)

    assert refused.value.code == "plan_changed"
    assert "Nothing was approved" in refused.value.text
    assert case.status == CaseStatus.AWAITING_APPROVAL
    shown = case.revisions.get()
    assert shown.digest != read
    assert planning.is_current(case, shown), "the refusal has drawn it again"
    lifecycle.approve(case, by=person("ada"), digest=shown.digest)
    assert case.status == CaseStatus.IN_PROGRESS


def test_the_right_digest_of_a_stale_plan_is_not_guessed_for_the_reader():
    case = opened_case(submit=True)
    before = case.revisions.get().digest
    change_an_option(case)
    with pytest.raises(Conflict):
        lifecycle.approve(case, by=person("ada"), digest=before)
    after = case.revisions.get().digest
    vendors.save({"name": "Shop search", "options": {"export_before_erasing": True}})

    with pytest.raises(Conflict):
        lifecycle.approve(case, by=person("ada"), digest=after)
    lifecycle.approve(case, by=person("ada"), digest=before)
    assert work(case).step == "start_export"


def test_a_plan_that_has_lost_its_last_vendor_cannot_be_approved():
    case = opened_case(submit=True)
    vendor("Shop search", enabled=False)
    with pytest.raises(Conflict):
        approve(case)
    assert case.revisions.get().sub_tasks.count() == 0

    with pytest.raises(Conflict) as refused:
        approve(case)

    assert refused.value.code == "no_vendors"
    assert case.status == CaseStatus.AWAITING_APPROVAL


@pytest.mark.parametrize("named", [(), ("shop-search",)])
def test_a_case_without_an_enabled_vendor_or_an_identifier_is_not_submitted(named):
    case = opened_case(vendors=named)
    vendor("Shop search", enabled=False)
    with pytest.raises(Conflict) as refused:
        lifecycle.submit(case, by=person("olive"))
    assert refused.value.code == "no_vendors"

    vendor("Shop search", enabled=True)
    for identifier in case.identifiers.all():
        intake.remove_identifier(identifier, by=person("olive"))
    with pytest.raises(Conflict) as refused:
        lifecycle.submit(case, by=person("olive"))
    assert refused.value.code == "no_identifiers"
    assert case.status == CaseStatus.DRAFT


def test_submitting_binds_the_plan_as_it_is_then():
    case = opened_case()
    change_an_option(case)
    lifecycle.submit(case, by=person("olive"))

    revision = case.revisions.get()
    assert planning.is_current(case, revision)
    assert Event.objects.get(action="case.submitted").details["digest"] == revision.digest
    approve(case)
    assert work(case).step == "start_removal"


# --- at the same moment


def at_once(*acts):
    """Runs each in a thread with its own connection, all begun together; the code of what each was refused with."""
    start = Barrier(len(acts), timeout=30)

    def run(act):
        try:
            start.wait()
            act()
        except DeskError as refused:
            return refused.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same_person", [False, True])
def test_of_two_approvals_at_the_same_moment_one_counts(same_person):
    case = opened_case(submit=True)
    digest = case.revisions.get().digest
    approvers = [person("ada"), person("ada" if same_person else "otto")]

    codes = at_once(
        *(lambda who=who: lifecycle.approve(Case.objects.get(pk=case.pk), by=who, digest=digest) for who in approvers)
    )

    assert sorted(codes) == ["done", "nothing_to_approve"]
    revision = case.revisions.get()
    assert revision.parties.filter(role=Role.APPROVER).count() == 1
    assert Event.objects.filter(action="case.approved").count() == 1
    assert Event.objects.filter(action="sub_task.ready").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_approval_and_a_change_of_the_plan_at_the_same_moment_approve_what_was_read():
    case = opened_case(submit=True)
    read = case.revisions.get().digest
    ada, otto = person("ada"), person("otto")

    approval, change = at_once(
        lambda: lifecycle.approve(Case.objects.get(pk=case.pk), by=ada, digest=read),
        lambda: intake.add_identifier(Case.objects.get(pk=case.pk), by=otto, kind="customer_id", value="C-2"),
    )

    assert change == "done"
    first = case.revisions.get(number=1)
    if approval == "done":
        assert (first.digest, first.status) == (read, RevisionStatus.APPROVED)
        assert case.revisions.get(number=2).status == RevisionStatus.OPEN
    else:
        assert approval == "plan_changed"
        assert first.digest != read
        assert first.status == RevisionStatus.OPEN
    sent = SubTask.objects.filter(status=SubTaskStatus.READY)
    assert all(planning.still_approved(item) for item in sent)


@pytest.mark.django_db(transaction=True)
def test_an_approval_and_a_cancellation_at_the_same_moment_send_nothing():
    case = opened_case(submit=True)
    digest = case.revisions.get().digest
    ada, olive = person("ada"), person("olive")

    approval, cancellation = at_once(
        lambda: lifecycle.approve(Case.objects.get(pk=case.pk), by=ada, digest=digest),
        lambda: lifecycle.cancel(Case.objects.get(pk=case.pk), by=olive, reason="withdrawn"),
    )

    case.refresh_from_db()
    assert cancellation == "done"
    assert approval in ("done", "nothing_to_approve")
    assert case.status == CaseStatus.CANCELLED
    assert not case.sub_tasks.filter(status=SubTaskStatus.READY).exists()


# --- whoever changed what a plan says has changed the plan


def test_whoever_changes_a_vendor_account_while_the_plan_is_open_cannot_approve_it():
    case, manager = opened_case(submit=True), person("vera", "vendor manager", "approver")
    vendors.save({"name": "Shop search", "options": {"export_before_erasing": False}}, by=manager)
    with pytest.raises(Conflict):
        approve(case, by=manager)
    assert refused_by_four_eyes(case, manager)


def test_nor_if_somebody_else_changes_the_account_after_them():
    case = opened_case(submit=True)
    first, second = (person(name, "vendor manager", "approver") for name in ("vera", "wim"))
    vendors.save({"name": "Shop search", "options": {"export_before_erasing": False}}, by=first)
    vendors.save({"name": "Shop search", "options": {"visitor_key_from": ["device_id"]}}, by=second)
    with pytest.raises(Conflict):
        approve(case, by=person("ada", "approver"))
    assert refused_by_four_eyes(case, first)
    assert refused_by_four_eyes(case, second)
    approve(case, by=person("ada", "approver"))


def test_whoever_adds_a_vendor_account_to_an_open_plan_cannot_approve_it():
    case, manager = opened_case(submit=True), person("vera", "vendor manager", "approver")
    archive = {"name": "Archive", "connector": "manual", "options": {"instructions": "Room 1", "accepts": ["email"]}}
    vendors.save(archive, by=manager)
    with pytest.raises(Conflict):
        approve(case, by=manager)
    assert refused_by_four_eyes(case, manager)


def test_an_account_that_stood_before_the_plan_was_drawn_binds_nobody():
    manager = person("vera", "vendor manager", "approver")
    vendors.save(
        {"name": "Archive", "connector": "manual", "options": {"instructions": "Room 1", "accepts": ["email"]}},
        by=manager,
    )
    case = opened_case(submit=True)
    approve(case, by=manager)
    case.refresh_from_db()
    assert case.status == CaseStatus.IN_PROGRESS


def test_whoever_added_an_identifier_that_a_later_version_sends_cannot_approve_it(shop):
    case, adder = approved_case(), person("xenia")
    intake.add_identifier(case, by=adder, kind="device_id", value="D-1")
    assert not case.revisions.filter(number=2).exists(), "no vendor takes it yet"
    vendors.save({"name": shop.name, "options": {"visitor_key_from": ["visitor_id", "device_id"]}})
    intake.add_identifier(case, by=person("wim"), kind="customer_id", value="C-77")
    assert refused_by_four_eyes(case, adder)
