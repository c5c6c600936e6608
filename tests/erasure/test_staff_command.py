"""`manage.py staff`: who there is, somebody leaves, somebody has lost their second factor."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command

from compliance import clock
from compliance.audit.models import Event
from compliance.staff import second_factor, tokens
from compliance.staff.models import User
from erasure import absences
from erasure.models import Absence
from tests import factories
from tests.compliance.staff.signing_in import with_device

pytestmark = pytest.mark.django_db


def staff(*arguments: str) -> str:
    out = StringIO()
    call_command("staff", *arguments, stdout=out)
    return out.getvalue()


def leave(name: str, *more: str) -> str:
    return staff("leave", name, "--no-input", *more)


@pytest.fixture
def office(db: None) -> None:
    """Olga manages people, ada and ben approve; there is a vendor."""
    olga = factories.person("olga")
    olga.user_permissions.add(*Permission.objects.filter(codename="change_user"))
    for name in ("ada", "ben"):
        factories.person(name, "approver")
    factories.vendor()


def away(person: User, deputy: User) -> Absence:
    days = clock.today(), clock.today() + timedelta(days=3)
    return absences.save(Absence(person=person, deputy=deputy, from_on=days[0], until_on=days[1]), by=person)


def test_everybody_is_listed_with_what_they_may_do(office):
    tokens.issue("crm", ["cases:read"])
    with_device(User.objects.get(username="ada"))
    User.objects.filter(username="ben").update(is_active=False)
    lines = {line.split("\t")[0]: line.split("\t")[1:] for line in staff("list").splitlines()}
    assert lines["ada"] == ["in use", "approver", "second factor", "never signed in"]
    assert lines["olga"][1:3] == ["no role", "no second factor"]
    assert lines["crm"] == ["service account", "1 token"]
    assert lines["ben"][0] == "closed"


def test_cases_of_somebody_who_leaves_are_listed(office):
    olive = factories.person("olive", "intake")
    draft, submitted = factories.opened_case(by=olive), factories.opened_case(by=olive, submit=True, handler=olive)
    other = factories.opened_case(submit=True, handler=User.objects.get(username="ada"))
    printed = leave("olive")
    assert "olive cannot sign in any more." in printed
    assert printed.index("choose another handler") < printed.index(submitted.reference)
    assert printed.index("Drafts") < printed.index(draft.reference)
    assert other.reference not in printed


def test_cases_can_be_handed_over_each_with_its_event(office):
    olive = factories.person("olive", "intake")
    cases = [factories.opened_case(by=olive), factories.opened_case(by=olive, submit=True, handler=olive)]
    assert "2 cases are with ada now." in leave("olive", "--hand-over-to", "ada")
    for case in cases:
        case.refresh_from_db()
        assert case.handler.username == "ada"
        event = Event.objects.get(action="case.assigned", case=case.reference)
        assert (event.actor, event.details["handler"]) == ("system:command", f"user:{case.handler_id}")


def test_cases_are_handed_over_only_to_people_who_can_sign_in(office):
    factories.person("olive", "intake")
    tokens.issue("crm", ["cases:read"])
    for name in ("olive", "crm", "nobody"):
        with pytest.raises(CommandError):
            leave("olive", "--hand-over-to", name)
    assert User.objects.get(username="olive").is_active


def test_a_plan_that_nobody_is_left_to_approve_is_named(office):
    ben = factories.person("ben", "intake")
    case = factories.opened_case(by=ben, submit=True)
    printed = leave("ada")
    assert printed.index("Nobody is left who may approve") < printed.index(case.reference)
    assert "Fewer than two people can approve" in printed


def test_absences_end_and_whoever_has_no_deputy_any_more_is_named(office):
    ada, ben = User.objects.get(username="ada"), User.objects.get(username="ben")
    away(ben, ada)
    printed = leave("ada")
    assert "ben has no deputy any more" in printed
    assert not Absence.objects.exists()
    assert Event.objects.get(action="absence.removed").actor == "system:command"


def test_tokens_that_still_work_are_named_and_those_known_revoked(office):
    factories.person("anna", "administrator")
    (_crm, known), (shop, other) = tokens.issue("crm", ["cases:read"]), tokens.issue("shop", ["cases:read"])
    printed = leave("anna", "--revoke-tokens-of", "crm")
    assert tokens.find(known) is None
    assert tokens.find(other)
    assert f"These tokens still work: shop …{shop.hint}." in printed


def test_a_person_is_no_service_account(office):
    with pytest.raises(CommandError, match="no service account"):
        leave("ada", "--revoke-tokens-of", "ben")
    assert User.objects.get(username="ada").is_active


def test_the_last_administrator_is_refused(office):
    with pytest.raises(CommandError, match="another administrator"):
        leave("olga")


@pytest.mark.parametrize(("typed", "closed"), [("yes", True), ("y", False), ("", False)])
def test_who_does_not_say_yes_changes_nothing(office, monkeypatch, typed, closed):
    monkeypatch.setattr("builtins.input", lambda _question: typed)
    if closed:
        staff("leave", "ada")
    else:
        with pytest.raises(CommandError, match="Nothing was changed"):
            staff("leave", "ada")
    assert User.objects.get(username="ada").is_active is not closed


def test_a_second_factor_is_reset_with_its_event(office):
    ada = User.objects.get(username="ada")
    with_device(ada)
    assert "was reset" in staff("reset-second-factor", "ada", "--no-input", "--reason", "stolen")
    assert second_factor.authenticator_of(ada) is None
    event = Event.objects.get(action="staff.second_factor_reset")
    assert (event.actor, event.details["reset_reason"]) == ("system:command", "stolen")


def test_a_name_that_nobody_has_is_said(office):
    for command in ("leave", "reset-second-factor"):
        with pytest.raises(CommandError, match="staff list"):
            staff(command, "nobody", "--no-input")
