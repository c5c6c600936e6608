"""What vendors find beside what they were asked for: suggested, decided about by people, approved by another."""

import uuid

import pytest
from django.db import IntegrityError, transaction

from compliance import clock
from compliance.audit.models import Event
from erasure import intake, lifecycle, planning, vendors
from erasure.errors import Conflict, Forbidden, Invalid
from erasure.lifecycle import proposals
from erasure.models import Case, Identifier, PlanParty, SubTask
from erasure.states import CaseStatus, IdentifierState, Origin, Role, SubTaskStatus
from tests.factories import approve, approved_case, found, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db

S = IdentifierState
COOKIE = "ck-7f3a-secret"


@pytest.fixture(autouse=True)
def three_vendors(db):
    """Shop search finds things here; the forum takes cookie ids, the archive e-mail addresses."""
    vendor("Shop search")
    vendor("Forum", "manual", options={"instructions": "", "accepts": ["cookie_id"]})
    vendor("Paper archive", "manual")


@pytest.fixture
def case() -> Case:
    return approved_case()


def states(case: Case) -> dict[str, str]:
    return {item.kind: item.state for item in case.identifiers.filter(origin=Origin.DISCOVERED)}


def end_everything(case: Case) -> None:
    """As if every approved vendor work had been carried out."""
    SubTask.objects.filter(case=case).exclude(status=SubTaskStatus.PLANNED).update(
        status=SubTaskStatus.DONE, next_at=None, ended_at=clock.now()
    )


def status(case: Case) -> str:
    return Case.objects.get(pk=case.pk).status


# --- taking in


def test_what_another_vendor_takes_is_suggested_and_the_rest_is_noted(case):
    cookie, x1 = found(case, ("cookie_id", COOKIE), ("x1_id", "x-1"))

    assert (cookie.state, x1.state) == (S.PROPOSED, S.NOTED)
    for item in (cookie, x1):
        assert (item.origin, item.found_by, item.added_by) == (Origin.DISCOVERED, work(case).vendor, None)
    assert cookie.value() == COOKIE
    assert COOKIE.encode() not in bytes(cookie.value_sealed)
    assert not lifecycle.open_revision(case), "nothing is planned before somebody decides"


def test_each_leaves_an_event_without_its_value(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))

    event = Event.objects.get(action="identifier.found")
    assert (event.actor, event.case, event.subject) == ("system:worker", case.reference, f"identifier:{cookie.pk}")
    assert event.details == {"vendor": "shop-search", "kind": "cookie_id", "state": "proposed"}
    assert COOKIE not in event.canonical


def test_what_only_its_finder_takes_is_noted(case):
    assert [item.state for item in found(case, ("customer_id", "C-2"))] == [S.NOTED]


def test_a_vendor_that_is_not_in_the_case_or_is_disabled_makes_nothing_a_suggestion():
    chosen = approved_case(vendors=["shop-search"])
    assert [item.state for item in found(chosen, ("cookie_id", COOKIE))] == [S.NOTED]
    everyone = approved_case()
    vendor("Forum", "manual", enabled=False)
    assert [item.state for item in found(everyone, ("cookie_id", COOKIE))] == [S.NOTED]


def test_an_account_whose_settings_no_longer_fit_stops_nothing(case):
    forum = work(case, "Forum").vendor
    forum.connector = "fax"
    forum.save()
    assert [item.state for item in found(case, ("cookie_id", COOKIE), ("email", "eva@example.org"))] == [
        S.NOTED,
        S.PROPOSED,
    ]


@pytest.mark.parametrize("state", S.values)
def test_what_the_case_has_in_any_state_is_left_as_it_is(case, state):
    case.identifiers.filter(kind="email").update(state=state)

    assert found(case, ("email", "ADA@Example.org")) == []
    assert case.identifiers.get(kind="email").state == state
    assert not Event.objects.filter(action="identifier.found").exists()


def test_one_that_is_found_twice_is_taken_in_once(case):
    assert len(found(case, ("email", "eva@example.org"), ("email", "Eva@Example.org"))) == 1
    assert found(case, ("email", "eva@example.org")) == []


def test_a_national_phone_number_is_read_in_the_country_of_the_case():
    vendor("Call centre", "manual", options={"instructions": "", "accepts": ["phone"]})
    (phone,) = found(approved_case(country="DE"), ("phone", "030 123456"))
    assert phone.value() == "+4930123456"


def test_what_cannot_be_an_identifier_is_counted_and_nothing_else_is_lost(case):
    bad = [("email", "no address"), ("phone", "call me"), ("cookie_id", "a\r\nb"), ("Cookie ID", "x"), ("email", "")]
    for total in (5, 10):
        taken = found(case, *bad, ("cookie_id", f"ck-{total}"))
        assert [item.kind for item in taken] == ["cookie_id"]
        assert work(case).counters == {"found_unusable": total}
    event = Event.objects.filter(action="identifier.left_out").first()
    assert event.details == {"vendor": "shop-search", "unusable": 5, "beyond": 0}
    assert event.subject == f"sub_task:{work(case).pk}"


def test_a_vendor_that_names_half_the_world_does_not_fill_the_case(case, monkeypatch):
    monkeypatch.setattr(proposals, "MAX_IDENTIFIERS", 4)
    assert len(found(case, *(("cookie_id", f"ck-{number}") for number in range(7)))) == 2
    assert work(case).counters == {"found_beyond": 5}
    assert Event.objects.get(action="identifier.left_out").details["beyond"] == 5


def test_in_a_cancelled_case_everything_is_noted(case):
    SubTask.objects.filter(pk=work(case).pk).update(committed_at=clock.now(), sent_at=clock.now())
    lifecycle.cancel(case, by=case.opened_by, reason="withdrawn")
    assert status(case) == CaseStatus.IN_PROGRESS
    assert [item.state for item in found(case, ("cookie_id", COOKIE))] == [S.NOTED]


def test_the_number_of_queries_grows_by_a_few_for_each_identifier(case, django_assert_max_num_queries):
    with django_assert_max_num_queries(10 + 3 * 20):
        found(case, *(("cookie_id", f"ck-{number}") for number in range(20)))


# --- accepting


def test_an_accepted_suggestion_makes_a_version_with_only_the_added_work(case):
    cookie, other = found(case, ("cookie_id", COOKIE), ("cookie_id", "ck-2"))
    mia = person("mia", "intake")

    lifecycle.decide(case, by=mia, accept=[cookie.pk], dismiss=[])

    cookie.refresh_from_db()
    assert (cookie.state, cookie.added_by, cookie.found_by.name) == (S.ACCEPTED, mia, "Shop search")
    assert Identifier.objects.get(pk=other.pk).state == S.PROPOSED, "what was not named waits"
    revision = lifecycle.open_revision(case)
    assert revision.number == 2
    (forum,) = revision.sub_tasks.all()
    assert (forum.vendor.name, [use.identifier for use in forum.identifiers.all()]) == ("Forum", [cookie])
    assert Event.objects.filter(action="plan.drawn").latest("id").actor == f"user:{mia.pk}"
    event = Event.objects.get(action="identifier.accepted")
    assert (event.actor, event.subject, event.details) == (
        f"user:{mia.pk}",
        f"identifier:{cookie.pk}",
        {"kind": "cookie_id"},
    )


def test_running_work_goes_on_under_its_own_version(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    shop = work(case)
    assert (shop.revision.number, shop.status) == (1, SubTaskStatus.READY)
    assert planning.still_approved(shop)


def test_the_finder_gets_no_new_work_for_what_it_found_itself(case):
    vendors.save({"name": "Shop search", "options": {"customer_key_from": ["customer_id", "cookie_id"]}})
    (cookie,) = found(case, ("cookie_id", COOKIE))
    lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    assert [item.vendor.name for item in lifecycle.open_revision(case).sub_tasks.all()] == ["Forum"]


def test_another_account_at_the_same_vendor_does():
    vendor("Shop abroad", options={"customer_key_from": ["customer_id", "cookie_id"]})
    case = approved_case()
    (cookie,) = found(case, ("cookie_id", COOKIE))
    lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    assert {item.vendor.name for item in lifecycle.open_revision(case).sub_tasks.all()} == {"Forum", "Shop abroad"}


def test_work_that_waited_for_an_identifier_is_taken_over_once_it_is_approved(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    assert case.sub_tasks.get(vendor__name="Forum").status == SubTaskStatus.AWAITING_IDENTIFIER
    lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    approve(case)
    assert [item.status for item in case.sub_tasks.filter(vendor__name="Forum").order_by("revision__number")] == [
        SubTaskStatus.SKIPPED,
        SubTaskStatus.AWAITING_ATTESTATION,
    ]


def test_what_no_vendor_takes_any_more_cannot_be_accepted_and_once_dismissed_the_case_ends(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    vendor("Forum", "manual", enabled=False)
    end_everything(case)
    with pytest.raises(Conflict, match="Dismiss it instead"):
        lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    cookie.refresh_from_db()
    assert (cookie.state, status(case)) == (IdentifierState.PROPOSED, CaseStatus.IN_PROGRESS)
    lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[cookie.pk], note="The forum is closed.")
    assert status(case) == CaseStatus.COMPLETED


# --- four eyes


def test_whoever_accepted_cannot_approve_what_it_leads_to(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    mia = person("mia", "approver", is_superuser=True)
    lifecycle.decide(case, by=mia, accept=[cookie.pk], dismiss=[])
    revision = lifecycle.open_revision(case)

    with pytest.raises(Forbidden, match="You changed this plan"):
        lifecycle.approve(case, by=mia, digest=revision.digest)
    with pytest.raises(IntegrityError), transaction.atomic():
        PlanParty.objects.create(revision=revision, person=mia, role=Role.APPROVER, at=clock.now())
    approve(case)
    revision.refresh_from_db()
    assert revision.approved_at


def test_the_opener_who_accepts_cannot_approve_either(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    lifecycle.decide(case, by=case.opened_by, accept=[cookie.pk], dismiss=[])
    with pytest.raises(Forbidden):
        lifecycle.approve(case, by=case.opened_by, digest=lifecycle.open_revision(case).digest)


def test_each_of_two_who_accepted_into_one_version_is_an_author_of_it(case):
    one, two = found(case, ("cookie_id", "ck-1"), ("cookie_id", "ck-2"))
    lifecycle.decide(case, by=person("mia"), accept=[one.pk], dismiss=[])
    lifecycle.decide(case, by=person("nora"), accept=[two.pk], dismiss=[])
    revision = lifecycle.open_revision(case)
    assert revision.number == 2
    for name in ("mia", "nora"):
        with pytest.raises(Forbidden):
            lifecycle.approve(case, by=person(name), digest=revision.digest)


def test_a_version_that_grew_since_it_was_read_is_not_approved(case):
    one, two = found(case, ("cookie_id", "ck-1"), ("cookie_id", "ck-2"))
    lifecycle.decide(case, by=person("mia"), accept=[one.pk], dismiss=[])
    read = lifecycle.open_revision(case).digest
    lifecycle.decide(case, by=person("mia"), accept=[two.pk], dismiss=[])
    with pytest.raises(Conflict) as refused:
        lifecycle.approve(case, by=person("ada"), digest=read)
    assert refused.value.code == "plan_changed"


# --- dismissing


def test_a_dismissed_suggestion_keeps_its_reason_sealed_and_is_not_planned(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    mia = person("mia")

    lifecycle.decide(case, by=mia, accept=[], dismiss=[str(cookie.pk)], note="A tablet of the library.")

    cookie.refresh_from_db()
    assert (cookie.state, cookie.added_by) == (S.DISMISSED, None)
    assert lifecycle.open_revision(case) is None
    event = Event.objects.get(action="identifier.dismissed")
    assert event.details["note"] == f"note:{case.notes.get().pk}"
    assert "library" not in event.canonical
    assert case.notes.get().author == mia


@pytest.mark.parametrize("note", ["", " \n"])
def test_dismissing_takes_a_reason(case, note):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    with pytest.raises(Invalid) as refused:
        lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[cookie.pk], note=note)
    assert [at for at, _text in refused.value.problems] == ["/note"]
    assert states(case) == {"cookie_id": S.PROPOSED}


def test_a_dismissed_one_is_not_suggested_again(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[cookie.pk], note="Shared.")
    assert found(case, ("cookie_id", COOKIE)) == []
    assert states(case) == {"cookie_id": S.DISMISSED}


def test_the_last_decision_ends_a_case_whose_work_has_ended(case):
    one, two = found(case, ("cookie_id", "ck-1"), ("cookie_id", "ck-2"))
    end_everything(case)
    with lifecycle.changing(case, None) as locked:
        lifecycle.close_if_ended(locked)
    assert status(case) == CaseStatus.IN_PROGRESS

    lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[one.pk], note="Shared.")
    assert status(case) == CaseStatus.IN_PROGRESS
    lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[two.pk], note="Shared.")
    assert status(case) == CaseStatus.COMPLETED


def test_accepting_and_dismissing_go_together_and_share_the_note(case):
    one, two = found(case, ("cookie_id", "ck-1"), ("cookie_id", "ck-2"))
    lifecycle.decide(case, by=person("mia"), accept=[one.pk], dismiss=[two.pk], note="The second is a library's.")
    assert [item.state for item in case.identifiers.filter(origin=Origin.DISCOVERED)] == [S.ACCEPTED, S.DISMISSED]
    assert case.notes.count() == 1


# --- refusals


def test_every_wrong_id_is_named_and_nothing_is_decided(case):
    one, two = found(case, ("cookie_id", "ck-1"), ("cookie_id", "ck-2"))
    other = found(approved_case(), ("cookie_id", "ck-3"))[0]
    accepted = case.identifiers.get(kind="email")

    with pytest.raises(Invalid) as refused:
        lifecycle.decide(
            case,
            by=person("mia"),
            accept=[one.pk, uuid.uuid4(), one.pk, "no id"],
            dismiss=[two.pk, one.pk, other.pk, accepted.pk],
            note="Shared.",
        )

    assert [at for at, _text in refused.value.problems] == [
        "/accept/1",
        "/accept/2",
        "/accept/3",
        "/dismiss/1",
        "/dismiss/2",
        "/dismiss/3",
    ]
    assert set(states(case).values()) == {S.PROPOSED}
    assert not case.notes.exists()


def test_to_decide_nothing_is_refused(case):
    found(case, ("cookie_id", COOKIE))
    with pytest.raises(Invalid) as refused:
        lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[])
    assert [at for at, _text in refused.value.problems] == ["/accept"]


def test_what_was_decided_is_not_decided_again(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    with pytest.raises(Conflict) as refused:
        lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[cookie.pk], note="No.")
    assert refused.value.code == "no_proposals"
    assert states(case) == {"cookie_id": S.ACCEPTED}


@pytest.mark.parametrize("change", [{"status": "awaiting_approval"}, {"cancelled_at": "2026-01-01T00:00:00Z"}])
def test_only_a_case_under_way_takes_decisions(case, change):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    Case.objects.filter(pk=case.pk).update(**change)
    with pytest.raises(Conflict) as refused:
        lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    assert refused.value.code == "wrong_state"
    assert states(case) == {"cookie_id": S.PROPOSED}


def test_a_held_case_takes_decisions(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    lifecycle.hold(case, by=person("ada"))
    lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    assert states(case) == {"cookie_id": S.ACCEPTED}


def test_an_account_whose_settings_do_not_fit_leaves_everything_undecided(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    forum = work(case, "Forum").vendor
    forum.options = {"accepts": 7}
    forum.save()
    with pytest.raises(Conflict) as refused:
        lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    assert refused.value.code == "vendor_settings"
    assert states(case) == {"cookie_id": S.PROPOSED}


# --- cancelling, rejecting, typing it in


def test_cancelling_notes_what_is_undecided_so_that_the_case_can_end(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    lifecycle.cancel(case, by=case.opened_by, reason="withdrawn")
    assert status(case) == CaseStatus.CANCELLED
    assert states(case) == {"cookie_id": S.NOTED}
    event = Event.objects.get(action="identifier.noted")
    assert (event.subject, event.actor) == (f"identifier:{cookie.pk}", f"user:{case.opened_by.pk}")


def test_rejecting_the_version_dismisses_what_was_accepted_and_says_so(case):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    lifecycle.reject(case, by=person("ada"), ground="identity_not_proven")
    assert states(case) == {"cookie_id": S.DISMISSED}
    event = Event.objects.get(action="identifier.dismissed")
    assert (event.subject, event.actor) == (f"identifier:{cookie.pk}", f"user:{person('ada').pk}")


@pytest.mark.parametrize("state", [S.PROPOSED, S.NOTED, S.DISMISSED])
def test_typing_in_what_the_case_knows_accepts_it(case, state):
    (cookie,) = found(case, ("cookie_id", COOKIE))
    case.identifiers.filter(pk=cookie.pk).update(state=state)
    mia = person("mia")

    assert intake.add_identifier(case, by=mia, kind="cookie_id", value=COOKIE) == cookie

    cookie.refresh_from_db()
    assert (cookie.state, cookie.added_by, cookie.origin) == (S.ACCEPTED, mia, Origin.DISCOVERED)
    assert Event.objects.filter(action="identifier.accepted", subject=f"identifier:{cookie.pk}").count() == 1
    with pytest.raises(Forbidden):
        lifecycle.approve(case, by=mia, digest=lifecycle.open_revision(case).digest)


def test_typing_in_the_last_suggestion_that_nobody_takes_any_more_ends_the_case(case):
    found(case, ("cookie_id", COOKIE))
    vendor("Another forum", "manual", options={"instructions": "", "accepts": ["device_id"]}, enabled=False)
    vendor("Forum", "manual", enabled=False)
    end_everything(case)
    intake.add_identifier(case, by=person("mia"), kind="cookie_id", value=COOKIE)
    assert status(case) == CaseStatus.COMPLETED


# --- the reply


def test_a_reply_is_recorded_once(case):
    mia = person("mia")
    before = clock.now()

    lifecycle.reply(case, by=mia, channel="email", note="Sent the letter to her.")

    assert before <= case.replied_at <= clock.now(), "the caller's case says so too"
    case.refresh_from_db()
    assert (case.reply_channel, case.status) == ("email", CaseStatus.IN_PROGRESS)
    event = Event.objects.get(action="case.replied")
    assert event.details["channel"] == "email"
    assert event.details["note"] == f"note:{case.notes.get().pk}"
    assert "letter" not in event.canonical
    with pytest.raises(Conflict) as refused:
        lifecycle.reply(case, by=mia, channel="letter")
    assert refused.value.code == "already_answered"
    case.refresh_from_db()
    assert case.reply_channel == "email"


def test_a_rejected_request_is_answered_too():
    case = opened_case(submit=True)
    lifecycle.reject(case, by=person("ada"), ground="unfounded")
    lifecycle.reply(case, by=case.opened_by, channel="letter")
    assert Case.objects.get(pk=case.pk).replied_at


def test_a_draft_or_a_cancelled_case_has_no_reply():
    draft, cancelled, followed = opened_case(), opened_case(), approved_case()
    SubTask.objects.filter(pk=work(followed).pk).update(committed_at=clock.now(), sent_at=clock.now())
    lifecycle.cancel(cancelled, by=person("olive"), reason="mistaken")
    lifecycle.cancel(followed, by=person("olive"), reason="withdrawn")
    for case in (draft, cancelled, followed):
        with pytest.raises(Conflict) as refused:
            lifecycle.reply(case, by=person("olive"), channel="email")
        assert refused.value.code == "wrong_state"
        assert Case.objects.get(pk=case.pk).replied_at is None


def test_a_channel_that_nobody_knows_is_refused(case):
    with pytest.raises(Invalid) as refused:
        lifecycle.reply(case, by=person("olive"), channel="pigeon")
    assert [at for at, _text in refused.value.problems] == ["/channel"]
    assert Case.objects.get(pk=case.pk).replied_at is None
