from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from compliance.audit.models import Event
from compliance.staff import tokens
from compliance.staff.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def administrator(client) -> User:
    user = User.objects.create_user("ada", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client.force_login(user)
    return user


def page(name: str, *arguments: object) -> str:
    return reverse(f"admin:{name}", args=arguments)


def fields_of(response) -> dict[str, object]:
    initial = response.context["adminform"].form.initial
    names = response.context["adminform"].form.fields
    return {name: initial[name] for name in names if initial.get(name) not in (None, "", False)}


def test_the_token_list_shows_an_ending_and_says_how_tokens_are_made(client, administrator):
    _token, text = tokens.issue("crm", ["cases:read"])
    html = client.get(page("staff_servicetoken_changelist")).content.decode()
    assert f"…{text[-4:]}" in html
    assert text not in html
    assert "manage.py token create" in html
    assert client.get(page("staff_servicetoken_add")).status_code == 403


def test_tokens_are_revoked_and_cannot_be_changed_or_deleted(client, administrator):
    token, text = tokens.issue("crm", ["cases:read"])
    revoke = {"action": "revoke", "_selected_action": [token.pk]}
    response = client.post(page("staff_servicetoken_changelist"), revoke, follow=True)
    assert f"1 token was revoked: …{token.hint}." in response.content.decode()
    assert tokens.find(text) is None
    assert Event.objects.filter(action="token.revoked", actor=f"user:{administrator.pk}").count() == 1

    response = client.post(page("staff_servicetoken_changelist"), revoke, follow=True)
    assert "1 token had been revoked before." in response.content.decode()
    assert Event.objects.filter(action="token.revoked").count() == 1
    assert client.post(page("staff_servicetoken_change", token.pk), {"hint": "abcd"}).status_code == 403
    assert client.post(page("staff_servicetoken_delete", token.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("superuser", [False, True])
def test_every_page_of_accounts_roles_and_tokens_opens(client, administrator, superuser):
    User.objects.filter(pk=administrator.pk).update(is_superuser=superuser)
    token = tokens.issue("crm", ["cases:read"])[0]
    client.post(page("staff_servicetoken_changelist"), {"action": "revoke", "_selected_action": [token.pk]})
    roots = User.objects.create_superuser("root").pk
    group = Group.objects.first().pk
    pages = [
        *(page(f"{name}_changelist") for name in ("staff_user", "auth_group", "staff_servicetoken")),
        *(page(f"{name}_add") for name in ("staff_user", "auth_group")),
        *(page(f"staff_user_{name}", pk) for name in ("change", "history") for pk in (token.account_id, roots)),
        *(page(f"auth_group_{name}", group) for name in ("change", "history")),
        *(page(f"staff_servicetoken_{name}", token.pk) for name in ("change", "history")),
        page("auth_user_password_change", administrator.pk),
    ]
    assert [(at, status) for at in pages if (status := client.get(at).status_code) != 200] == []


def test_not_even_a_superuser_changes_or_deletes_a_token(client, administrator):
    User.objects.filter(pk=administrator.pk).update(is_superuser=True)
    token = tokens.issue("crm", ["cases:read"])[0]
    html = client.get(page("staff_servicetoken_change", token.pk)).content.decode()
    assert f"…{token.hint}" in html and 'name="_save"' not in html
    assert client.post(page("staff_servicetoken_change", token.pk), {"account": "1"}).status_code == 403
    assert client.post(page("staff_servicetoken_delete", token.pk), {"post": "yes"}).status_code == 403


def test_an_auditor_cannot_see_tokens(client, administrator):
    administrator.groups.set([Group.objects.get(name="auditor")])
    assert client.get(page("staff_servicetoken_changelist")).status_code == 403


@pytest.mark.parametrize(("state", "expected"), [("active", "a"), ("expired", "b"), ("revoked", "c")])
def test_tokens_are_filtered_by_state(client, administrator, turn_clock, state, expected):

    tokens.issue("a", ["cases:read"], timedelta(days=9))
    tokens.issue("b", ["cases:read"], timedelta(days=1))
    tokens.revoke(tokens.issue("c", ["cases:read"])[0], actor="system:command")
    turn_clock(timedelta(days=2))
    response = client.get(page("staff_servicetoken_changelist"), {"state": state})
    assert [token.account.username for token in response.context["cl"].result_list] == [expected]


def test_accounts_are_added_and_changed_with_events_that_name_fields_and_no_values(client, administrator):
    client.post(
        page("staff_user_add"),
        {"username": "bob", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"},
    )
    bob = User.objects.get(username="bob")
    assert Event.objects.filter(action="user.added", subject=f"user:{bob.pk}").exists()

    url = page("staff_user_change", bob.pk)
    form = fields_of(client.get(url)) | {"last_name": "Bobson", "is_staff": "on", "groups": [Group.objects.first().pk]}
    assert client.post(url, form).status_code == 302
    changed, given = Event.objects.filter(subject=f"user:{bob.pk}").order_by("id")[1:]
    assert (changed.action, changed.actor) == ("user.changed", f"user:{administrator.pk}")
    assert changed.details == {"fields": ["is_staff: false to true", "last_name"]}
    assert "Bobson" not in changed.canonical
    assert (given.action, given.actor) == ("user.roles_given", f"user:{administrator.pk}")
    assert given.details["roles"] == [Group.objects.first().name]


def test_setting_a_password_leaves_an_event(client, administrator):
    bob = User.objects.create_user("bob", password=PASSWORD)
    url = page("auth_user_password_change", bob.pk)
    client.post(url, {"password1": "short", "password2": "short", "usable_password": "true"})
    assert not Event.objects.filter(action="user.password_set").exists()
    new = "another horse battery"
    client.post(url, {"password1": new, "password2": new, "usable_password": "true"})
    bob.refresh_from_db()
    assert bob.check_password(new)
    event = Event.objects.get(action="user.password_set")
    assert (event.actor, event.subject) == (f"user:{administrator.pk}", f"user:{bob.pk}")


def test_people_who_change_their_own_password_leave_an_event(client, administrator):
    new = "another horse battery"
    given = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post(page("password_change"), given).status_code == 302
    administrator.refresh_from_db()
    assert administrator.check_password(new)
    event = Event.objects.get(action="user.password_changed")
    assert event.actor == event.subject == f"user:{administrator.pk}"


def test_an_administrator_cannot_make_or_touch_a_superuser(client, administrator):
    root = User.objects.create_superuser("root", password=PASSWORD)
    bob = User.objects.create_user("bob", password=PASSWORD)
    url = page("staff_user_change", bob.pk)
    client.post(url, fields_of(client.get(url)) | {"is_superuser": "on", "user_permissions": ["1"]})
    bob.refresh_from_db()
    assert not bob.is_superuser
    assert not bob.user_permissions.exists()
    assert client.post(page("staff_user_change", root.pk), {"username": "taken"}).status_code == 403
    assert client.get(page("auth_user_password_change", root.pk)).status_code == 403


def test_a_service_account_gets_no_password_role_or_access(client, administrator):
    account = tokens.issue("crm", ["cases:read"])[0].account
    url = page("staff_user_change", account.pk)
    client.post(url, {"username": "crm", "is_active": "on", "is_staff": "on", "groups": [Group.objects.first().pk]})
    account.refresh_from_db()
    assert not account.is_staff
    assert not account.groups.exists()
    assert client.get(page("auth_user_password_change", account.pk)).status_code == 403
    assert client.get(url).status_code == 200


def test_deactivating_a_service_account_ends_its_tokens(client, administrator):
    token, text = tokens.issue("crm", ["cases:read"])
    client.post(page("staff_user_change", token.account_id), {"username": "crm"})
    assert tokens.find(text) is None


def test_accounts_and_groups_cannot_be_deleted(client, administrator):
    administrator.is_superuser = True
    administrator.save()
    bob = User.objects.create_user("bob")
    assert client.post(page("staff_user_delete", bob.pk), {"post": "yes"}).status_code == 403
    assert client.post(page("auth_group_delete", Group.objects.first().pk), {"post": "yes"}).status_code == 403


def test_a_changed_role_leaves_an_event(client, administrator):
    group = Group.objects.get(name="auditor")
    url = page("auth_group_change", group.pk)
    assert client.post(url, {"name": "auditor", "permissions": []}).status_code == 302
    event = Event.objects.get(action="group.permissions_taken")
    assert (event.actor, event.subject) == (f"user:{administrator.pk}", f"group:{group.pk}")
    assert "audit.view_event" in event.details["permissions"]
    assert client.post(url, {"name": "readers", "permissions": []}).status_code == 302
    assert Event.objects.get(action="group.changed").details == {"role": "auditor", "fields": ["name"]}
