"""What the trail tells of accounts, roles and permissions, whoever changes them and by whatever way."""

from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import transaction
from django.test import RequestFactory

from compliance.audit.models import Event
from compliance.staff import changes, tokens
from compliance.staff.acting import acting
from compliance.staff.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", password=PASSWORD)


@pytest.fixture
def told():
    """What the trail has been told since the test asked last: (action, subject, details)."""
    last = [0]

    def told() -> list[tuple[str, str, dict[str, object]]]:
        events = list(Event.objects.filter(id__gt=last[0]).order_by("id"))
        if events:
            last[0] = events[-1].pk
        return [(event.action, event.subject, event.details) for event in events]

    return told


def role(name: str) -> Group:
    return Group.objects.get(name=name)


# --- accounts


def test_a_new_account_is_told_with_its_switches(told):
    switches = {"is_active": True, "is_service": False, "is_staff": False, "is_superuser": False}
    bob = User.objects.create_user("bob", email="bob@example.org", first_name="Bob")
    root = User.objects.create_superuser("root", password=PASSWORD)
    assert told() == [
        ("user.added", f"user:{bob.pk}", switches),
        ("user.added", f"user:{root.pk}", switches | {"is_staff": True, "is_superuser": True}),
    ]


def test_a_change_names_the_fields_and_shows_only_switches(anna, told):
    told()
    anna.last_name, anna.email, anna.is_superuser, anna.is_active = "Lovelace", "ada@example.org", True, False
    anna.save()
    fields = ["email", "is_active: true to false", "is_superuser: false to true", "last_name"]
    assert told() == [("user.changed", f"user:{anna.pk}", {"fields": fields})]


def test_saving_what_was_not_changed_tells_nothing(anna, told):
    told()
    anna.save()
    anna.save(update_fields=["last_login"])
    User.objects.filter(pk=anna.pk).update(is_active=True)
    assert told() == []


def test_only_what_is_stored_counts_as_a_change(anna, told):
    told()
    anna.first_name, anna.is_staff = "Ada", True
    anna.save(update_fields=["first_name"])
    assert told() == [("user.changed", f"user:{anna.pk}", {"fields": ["first_name"]})]


def test_accounts_that_are_changed_together_are_told_one_by_one(anna, told):
    bob = User.objects.create_user("bob", is_staff=True)
    told()
    assert User.objects.filter(username__in=["anna", "bob"]).order_by("-username").update(is_staff=True) == 2
    assert told() == [("user.changed", f"user:{anna.pk}", {"fields": ["is_staff: false to true"]})]
    for account in (anna, bob):
        account.is_active = False
    User.objects.bulk_update([anna, bob], ["is_active"])
    assert [subject for _action, subject, _details in told()] == [f"user:{anna.pk}", f"user:{bob.pk}"]


def test_accounts_are_not_made_past_the_trail():
    with pytest.raises(NotImplementedError):
        User.objects.bulk_create([User(username="bob")])


def test_a_deleted_account_is_told(anna, told):
    told()
    number = anna.pk
    User.objects.filter(pk=number).delete()
    assert told() == [("user.deleted", f"user:{number}", {})]


@pytest.mark.django_db(transaction=True)
def test_a_change_that_cannot_be_told_is_not_made(anna, monkeypatch):
    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(changes, "record", broken)
    anna.is_superuser = True
    for change in (
        anna.save,
        lambda: User.objects.create_user("bob"),
        lambda: User.objects.update(is_superuser=True),
        lambda: anna.groups.add(role("auditor")),
        lambda: role("auditor").delete(),
        anna.delete,
    ):
        with pytest.raises(OSError, match="full"):
            change()
    assert list(User.objects.values_list("username", "is_superuser")) == [("anna", False)]
    assert not anna.groups.exists()
    assert role("auditor")


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_undone_is_not_told(anna, told):
    told()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        anna.is_superuser = True
        anna.save()
        anna.groups.add(role("approver"))
        raise ZeroDivisionError
    assert told() == []


# --- who changes


def test_who_sets_a_password_is_told_from_whose_it_is(anna, told):
    told()
    request = RequestFactory().post("/")
    for user, action in (
        (anna, "user.password_changed"),
        (User.objects.create_user("bob"), "user.password_set"),
    ):
        told()
        request.user = user
        with acting(request):
            anna.set_password(f"{PASSWORD} of {user.username}")
            anna.save()
        assert told() == [(action, f"user:{anna.pk}", {})]
        assert Event.objects.latest("id").actor == f"user:{user.pk}"


def test_a_password_set_with_other_changes_is_told_apart(anna, told):
    told()
    anna.first_name = "Ada"
    anna.set_unusable_password()
    anna.save()
    assert [action for action, _subject, _details in told()] == ["user.password_set", "user.changed"]


def test_djangos_own_commands_are_told_as_commands(told, monkeypatch):
    call_command("createsuperuser", "--noinput", username="root", email="root@example.org", stdout=StringIO())
    root = User.objects.get(username="root")
    passwords = iter([PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(passwords))
    call_command("changepassword", "root", stdout=StringIO())
    assert [(action, subject) for action, subject, _details in told()] == [
        ("user.added", f"user:{root.pk}"),
        ("user.password_set", f"user:{root.pk}"),
    ]
    assert set(Event.objects.values_list("actor", flat=True)) == {"system:command"}


def test_the_account_of_a_token_is_made_by_whoever_issues_it(told):
    token = tokens.issue("crm", ["cases:read"], actor="user:7")[0]
    added, issued = Event.objects.order_by("id")
    assert (added.action, added.actor, added.subject) == ("user.added", "user:7", f"user:{token.account_id}")
    assert added.details["is_service"] is True
    assert (issued.action, issued.actor) == ("token.issued", "user:7")


# --- roles


def test_roles_are_told_by_name_when_they_are_given_and_taken(anna, told):
    approver, intake, auditor = map(role, ("approver", "intake", "auditor"))
    told()
    anna.groups.add(approver, intake)
    anna.groups.add(approver)
    anna.groups.set([intake, auditor])
    anna.groups.remove(approver)
    subject = f"user:{anna.pk}"

    def details(*groups: Group) -> dict[str, object]:
        groups = sorted(groups, key=lambda group: group.pk)
        return {"groups": [f"group:{group.pk}" for group in groups], "roles": [group.name for group in groups]}

    assert told() == [
        ("user.roles_given", subject, details(approver, intake)),
        ("user.roles_taken", subject, details(approver)),
        ("user.roles_given", subject, details(auditor)),
    ]
    anna.groups.clear()
    assert told() == [("user.roles_taken", subject, details(intake, auditor))]


def test_members_of_a_role_are_told_each_also_from_the_roles_side(anna, told):
    bob, approver = User.objects.create_user("bob"), role("approver")
    told()
    approver.user_set.add(anna, bob)
    approver.user_set.remove(bob)
    approver.user_set.clear()
    assert [(action, subject) for action, subject, _details in told()] == [
        ("user.roles_given", f"user:{anna.pk}"),
        ("user.roles_given", f"user:{bob.pk}"),
        ("user.roles_taken", f"user:{bob.pk}"),
        ("user.roles_taken", f"user:{anna.pk}"),
    ]


def test_a_group_that_somebody_named_is_told_by_number(anna, told):
    group = Group.objects.create(name="Friends of Ada Lovelace")
    group.name = "Friends of Grace Hopper"
    group.save()
    group.save()
    anna.groups.add(group)
    number = f"group:{group.pk}"
    group.delete()
    assert told()[1:] == [
        ("group.added", number, {"role": number}),
        ("group.changed", number, {"role": number, "fields": ["name"]}),
        ("user.roles_given", f"user:{anna.pk}", {"roles": [number], "groups": [number]}),
        ("user.roles_taken", f"user:{anna.pk}", {"roles": [number], "groups": [number]}),
        ("group.deleted", number, {"role": number}),
    ]


# --- permissions


def test_permissions_are_told_by_their_names_in_code(anna, told):
    view, revoke = (Permission.objects.get(codename=name) for name in ("view_user", "revoke_servicetoken"))
    auditor = role("auditor")
    told()
    auditor.permissions.add(view, revoke)
    auditor.permissions.remove(view)
    anna.user_permissions.set([view])
    view.user_set.clear()
    auditors, annas = {"role": "auditor"}, f"user:{anna.pk}"
    both, one = ["staff.revoke_servicetoken", "staff.view_user"], ["staff.view_user"]
    assert told() == [
        ("group.permissions_given", f"group:{auditor.pk}", auditors | {"permissions": both}),
        ("group.permissions_taken", f"group:{auditor.pk}", auditors | {"permissions": one}),
        ("user.permissions_given", annas, {"permissions": one}),
        ("user.permissions_taken", annas, {"permissions": one}),
    ]


def test_a_permission_with_a_name_that_is_no_code_is_told_by_number(anna, told):
    told()
    kind = ContentType.objects.get_for_model(User)
    odd = Permission.objects.create(content_type=kind, codename="see Ada's mail", name="x")
    anna.user_permissions.add(odd)
    assert told() == [("user.permissions_given", f"user:{anna.pk}", {"permissions": [f"permission:{odd.pk}"]})]
