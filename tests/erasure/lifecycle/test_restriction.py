"""Restrictions: a register of who is restricted, and a lifting that waits until the person was told."""

import pytest
from django.test import override_settings

from compliance.audit.models import Event
from compliance.deadlines import adjusted
from erasure import lifecycle, waiting
from erasure.errors import Conflict
from erasure.models import Case
from tests.factories import approve, approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db
ARCHIVE = "Paper archive"
BOTH = [("email", "a@example.org"), ("phone", "+4930123456")]


@pytest.fixture(autouse=True)
def vendors():
    for name in (ARCHIVE, "Second archive"):
        vendor(name, "manual", options={"instructions": "Room 12", "accepts": ["email"]})


def done(case: Case, *names: str) -> Case:
    for name in names or (ARCHIVE, "Second archive"):
        lifecycle.attest(work(case, name), by=person("olive"), note="Done.")
    return Case.objects.get(pk=case.pk)


def lifting(**values) -> Case:
    return opened_case(kind="lift_restriction", submit=True, **values)


def test_a_lifting_is_approved_but_nothing_is_done_before_the_person_was_told():
    case = lifting()
    approve(case)
    assert case.status == "in_progress"
    assert {item.status for item in case.sub_tasks.all()} == {"planned"}
    assert "has to be told" in waiting.waits_for(work(case, ARCHIVE))
    assert "has to be told" in waiting.decisions(Case.objects.get(pk=case.pk))

    lifecycle.tell_of_lifting(case, by=person("olive"), channel="letter", note="Sent today.")
    assert {item.status for item in case.sub_tasks.all()} == {"awaiting_attestation"}
    assert "has to be told" not in waiting.decisions(Case.objects.get(pk=case.pk))
    assert Event.objects.get(action="case.told_of_lifting").details["channel"] == "letter"


def test_told_before_approval_it_goes_on_at_once():
    case = lifting()
    lifecycle.tell_of_lifting(case, by=person("olive"), channel="email")
    approve(case)
    assert {item.status for item in case.sub_tasks.all()} == {"awaiting_attestation"}


def test_a_law_without_that_rule_waits_for_nothing():
    case = lifting(regime="ccpa")
    approve(case)
    assert {item.status for item in case.sub_tasks.all()} == {"awaiting_attestation"}


def test_a_lifting_that_waits_can_be_cancelled_and_then_nothing_was_sent():
    case = lifting()
    approve(case)
    lifecycle.cancel(case, by=person("ada"), reason="mistaken")
    assert Case.objects.get(pk=case.pk).status == "cancelled"
    with pytest.raises(Conflict):
        lifecycle.tell_of_lifting(case, by=person("olive"), channel="email")


def test_telling_is_for_liftings_alone_and_once():
    with pytest.raises(Conflict) as told:
        lifecycle.tell_of_lifting(opened_case(), by=person("olive"), channel="email")
    assert told.value.code == "not_a_lifting"
    case = lifting(identifiers=[("email", "b@example.org")])
    lifecycle.tell_of_lifting(case, by=person("olive"), channel="email")
    with pytest.raises(Conflict) as told:
        lifecycle.tell_of_lifting(case, by=person("olive"), channel="email")
    assert told.value.code == "already_told"


# --- the register


def test_a_restriction_enters_the_register_when_it_is_done_and_a_lifting_takes_it_out():
    restricted = done(approved_case(kind="restriction"))
    assert restricted.restricted_at and not restricted.lifted_at
    case = done(approved_case(kind="lift_restriction"))
    restricted.refresh_from_db()
    assert restricted.lifted_at and case.restricted_at is None
    assert Event.objects.get(action="case.lifted", case=restricted.reference).details["by_case"] == case.reference


def test_it_stays_restricted_while_a_vendor_is_left():
    restricted = done(approved_case(kind="restriction"))
    first = approved_case(kind="lift_restriction", vendors=("paper-archive",))
    done(first, ARCHIVE)
    restricted.refresh_from_db()
    assert restricted.lifted_at is None
    done(approved_case(kind="lift_restriction", vendors=("second-archive",)), "Second archive")
    restricted.refresh_from_db()
    assert restricted.lifted_at


def test_a_lifting_before_a_new_restriction_does_not_count_for_it():
    done(approved_case(kind="restriction"))
    done(approved_case(kind="lift_restriction"))
    again = done(approved_case(kind="restriction"))
    assert again.restricted_at and not again.lifted_at
    done(approved_case(kind="lift_restriction", vendors=("paper-archive",)), ARCHIVE)
    again.refresh_from_db()
    assert again.lifted_at is None


def test_somebody_elses_lifting_changes_nothing():
    restricted = done(approved_case(kind="restriction"))
    done(approved_case(kind="lift_restriction", identifiers=[("email", "b@example.org")]))
    restricted.refresh_from_db()
    assert restricted.lifted_at is None


def test_a_restriction_that_was_given_up_everywhere_does_not_enter():
    case = approved_case(kind="restriction")
    for name in (ARCHIVE, "Second archive"):
        lifecycle.give_up(work(case, name), by=person("ada"), note="They will not do it.")
    case.refresh_from_db()
    assert (case.status, case.restricted_at) == ("partly_completed", None)


def test_what_a_vendor_found_and_nobody_accepted_takes_nobody_out_of_the_register():
    restricted = done(approved_case(kind="restriction", identifiers=BOTH))
    of_another = opened_case(identifiers=[("email", "zoe@example.org")]).identifiers.get()
    dismissed = {"state": "dismissed", "fingerprint": of_another.fingerprint}
    restricted.identifiers.filter(kind="phone").update(**dismissed)
    done(approved_case(kind="lift_restriction", identifiers=[("email", "zoe@example.org")]))
    restricted.refresh_from_db()
    assert restricted.lifted_at is None


def test_a_lifting_of_which_everything_is_refused_ends_once_the_person_was_told():
    case = lifting()
    lifecycle.refuse_work(work(case, ARCHIVE), by=person("ida"), ground="legal_claims")
    approve(case)
    lifecycle.refuse_work(work(case, "Second archive"), by=person("ida"), ground="legal_claims")
    lifecycle.tell_of_lifting(case, by=person("olive"), channel="email")
    assert (case.status, case.sub_tasks.filter(status="stopped").count()) == ("partly_completed", 2)


def test_a_lifting_whose_law_asks_for_no_notice_any_more_goes_on():
    case = lifting()
    approve(case)
    lifecycle.lift_untold()
    assert {item.status for item in case.sub_tasks.all()} == {"planned"}
    with override_settings(REGIMES=adjusted({"gdpr": {"tells_of_lifting": False}})):
        lifecycle.lift_untold()
    assert {item.status for item in case.sub_tasks.all()} == {"awaiting_attestation"}
