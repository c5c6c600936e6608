"""The first administrator of a desk, and the end of an account."""

import pytest
from django.core.exceptions import ValidationError

from compliance.audit.models import Event
from compliance.staff import accounts, second_factor, tokens
from compliance.staff.models import RecoveryCode, User
from tests import factories
from tests.compliance.staff.signing_in import PASSWORD, give_password, with_device

pytestmark = pytest.mark.django_db
COMMAND = "system:command"


@pytest.fixture
def olga() -> User:
    """Who goes on administering."""
    return factories.person("olga", "administrator")


def close(user: User, **more) -> accounts.Closed:
    return accounts.close(user, actor=COMMAND, **more)


def test_the_first_administrator_can_sign_in_and_manage_people(client):
    made = accounts.make_administrator("ada", "ada@desk.example", PASSWORD, actor=COMMAND)
    assert list(accounts.administrators()) == [made]
    assert not made.is_superuser
    assert give_password(client, "ada").status_code == 302
    assert client.get("/admin/staff/user/").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"), [("", PASSWORD), ("a b", PASSWORD), ("ada", "short"), ("ada", "password")]
)
def test_a_bad_name_or_a_weak_password_makes_nobody(name, password):
    with pytest.raises(ValidationError):
        accounts.make_administrator(name, "", password, actor=COMMAND)
    assert not User.objects.exists()


def test_somebody_who_leaves_is_out_at_once_and_cannot_sign_in_again(client, olga, settings):
    settings.SECOND_FACTOR = False
    anna = factories.person("anna", "administrator")
    give_password(client, "anna", "password")
    assert client.get("/admin/").status_code == 200
    assert close(anna).sessions == 1
    assert client.get("/admin/").status_code == 302
    assert give_password(client, "anna", "password").status_code == 200
    anna.refresh_from_db()
    assert (anna.is_active, anna.is_staff, anna.has_usable_password()) == (False, False, False)


def test_nothing_is_left_that_a_mistaken_reactivation_would_give_back(olga):
    anna = factories.person("anna", "intake", "approver", is_superuser=True)
    with_device(anna)
    assert close(anna).roles == ["approver", "intake"]
    anna.refresh_from_db()
    assert not anna.groups.exists()
    assert not anna.is_superuser
    assert second_factor.authenticator_of(anna) is None
    assert not RecoveryCode.objects.exists()


def test_the_trail_tells_that_somebody_left(olga):
    anna = factories.person("anna", "intake")
    close(anna)
    event = Event.objects.get(action="staff.left")
    assert (event.actor, event.subject) == (COMMAND, f"user:{anna.pk}")
    assert event.details == {"sessions": 0, "tokens": 0}
    assert Event.objects.filter(action="user.roles_taken", subject=f"user:{anna.pk}").exists()


def test_the_tokens_of_a_service_account_end_with_it(olga):
    _token, text = tokens.issue("crm", ["cases:read"])
    close(User.objects.get(username="crm"))
    assert tokens.find(text) is None
    assert Event.objects.filter(action="token.revoked").count() == 1


def test_the_tokens_that_a_person_knew_end_and_others_stay(olga):
    anna = factories.person("anna", "administrator")
    (_one, known), (_two, other) = tokens.issue("crm", ["cases:read"]), tokens.issue("shop", ["cases:read"])
    close(anna, tokens_of=[User.objects.get(username="crm")])
    assert tokens.find(known) is None
    assert tokens.find(other)


def test_the_last_administrator_cannot_leave():
    anna = factories.person("anna", "administrator")
    with pytest.raises(accounts.NotClosed, match="another administrator"):
        close(anna)
    anna.refresh_from_db()
    assert anna.is_active


def test_to_leave_twice_changes_nothing_more(olga):
    anna = factories.person("anna", "intake")
    close(anna)
    before = Event.objects.count()
    assert close(anna) == accounts.Closed(0, [], [])
    assert list(Event.objects.values_list("action", flat=True).order_by("pk"))[before:] == ["staff.left"]
