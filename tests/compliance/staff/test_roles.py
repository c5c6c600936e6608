import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from compliance.audit.models import Event
from compliance.staff import roles

pytestmark = pytest.mark.django_db


def held(role: str) -> set[str]:
    return {
        f"{app}.{codename}"
        for app, codename in Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    }


def test_migration_makes_every_role():
    assert set(Group.objects.values_list("name", flat=True)) == set(roles.ROLES)


def test_only_administrators_manage_people_and_tokens():
    people = {
        "staff.add_user",
        "staff.change_user",
        "staff.view_user",
        "staff.revoke_servicetoken",
        "auth.change_group",
    }
    assert people <= held("administrator")
    for role in set(roles.ROLES) - {"administrator"}:
        assert not [name for name in held(role) if name.startswith(("staff.", "auth."))]


def test_roles_hold_what_a_later_migration_adds_and_keep_what_was_added_by_hand():
    by_hand = Permission.objects.get(content_type__app_label="staff", codename="view_user")
    Group.objects.get(name="auditor").permissions.add(by_hand)
    approve, _ = Permission.objects.get_or_create(
        content_type=ContentType.objects.get_or_create(app_label="erasure", model="case")[0], codename="approve_case"
    )
    Group.objects.get(name="approver").permissions.remove(approve)

    roles.make_roles(sender=apps.get_app_config("erasure"), using="default")

    assert "erasure.approve_case" in held("approver")
    assert "erasure.approve_case" not in held("intake") | held("auditor") | held("vendor manager")
    assert "staff.view_user" in held("auditor")


def test_a_deleted_role_comes_back_with_the_next_migrate():
    Group.objects.get(name="administrator").delete()
    call_command("migrate", verbosity=0)
    assert "staff.view_user" in held("administrator")


def test_setting_the_roles_up_tells_the_trail_only_what_it_changed():
    Group.objects.get(name="auditor").delete()
    before = Event.objects.count()
    call_command("migrate", verbosity=0)
    added, *given = [event for event in Event.objects.order_by("id")[before:] if event.subject.startswith("group:")]
    assert (added.action, {event.action for event in given}) == ("group.added", {"group.permissions_given"})
    assert {(event.actor, event.details["role"]) for event in (added, *given)} == {("system:migrate", "auditor")}
    assert {name for event in given for name in event.details["permissions"]} == held("auditor")

    after = Event.objects.count()
    call_command("migrate", verbosity=0)
    assert Event.objects.count() == after


def test_without_a_trail_no_role_is_made():
    Group.objects.get(name="auditor").delete()
    migrated = MigrationLoader(connection).project_state(("staff", "0001_initial")).apps
    events = Event.objects.count()
    roles.make_roles(sender=apps.get_app_config("erasure"), using="default", apps=migrated)
    assert not Group.objects.filter(name="auditor").exists()
    assert Event.objects.count() == events


def test_every_named_permission_exists():
    """A permission that was renamed, or a misspelt one, would silently leave a role without it."""
    known = {f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.select_related("content_type")}
    named = {name for names in roles.ROLES.values() for name in names if "*" not in name}
    assert named <= known
