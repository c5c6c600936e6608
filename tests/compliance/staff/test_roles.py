import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command

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


def test_every_named_permission_exists():
    """A permission that was renamed, or a misspelt one, would silently leave a role without it."""
    known = {f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.select_related("content_type")}
    named = {name for names in roles.ROLES.values() for name in names if "*" not in name}
    assert named <= known
