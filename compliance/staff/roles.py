"""The roles, as Django groups. Made after every migration; what an administrator adds to one by hand stays."""

from fnmatch import fnmatchcase
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.contrib.auth.models import Group, Permission
from django.db import router, transaction

from compliance.staff.acting import acting

_READ_CASES = ("erasure.view_*",)
_INTAKE = (
    *_READ_CASES,
    "erasure.add_case",
    "erasure.change_case",
    "erasure.add_identifier",
    "erasure.change_identifier",
    "erasure.delete_identifier",
    "erasure.add_note",
    "erasure.open_case",
    "erasure.submit_case",
    "erasure.cancel_case",
    "erasure.reveal_identifier",
    "erasure.attest_subtask",
    "erasure.check_suppressed",
    "erasure.ask_shred_case",
)
_APPROVER = (
    *_READ_CASES,
    "erasure.add_note",
    "erasure.approve_case",
    "erasure.reject_case",
    "erasure.hold_case",
    "erasure.cancel_case",
    "erasure.attest_subtask",
    "erasure.retry_subtask",
    "erasure.reveal_identifier",
    "erasure.download_evidence",
    "erasure.check_suppressed",
    "erasure.delete_suppressed",
    "erasure.ask_shred_case",
    "erasure.shred_case",
)
_AUDITOR = (*_READ_CASES, "audit.view_*", "audit.export_event")
_VENDOR_MANAGER = (
    "erasure.view_vendor",
    "erasure.add_vendor",
    "erasure.change_vendor",
    "erasure.test_vendor",
    "erasure.view_call",
    "erasure.view_alert",
)
_ADMINISTRATOR = (
    *_INTAKE,
    *_APPROVER,
    *_AUDITOR,
    *_VENDOR_MANAGER,
    "erasure.oversee_import",
    "erasure.change_lettertemplate",
    "erasure.manage_absence",
    "django_q.view_*",
    "staff.*_user",
    "staff.*_servicetoken",
    "staff.*_signinlock",
    "staff.reset_authenticator",
    "auth.view_group",
    "auth.add_group",
    "auth.change_group",
)

#: Role → the permissions it needs, as `app.codename`; `*` stands for any text.
ROLES: dict[str, tuple[str, ...]] = {
    "intake": _INTAKE,
    "approver": _APPROVER,
    "auditor": _AUDITOR,
    "vendor manager": _VENDOR_MANAGER,
    "administrator": _ADMINISTRATOR,
}


def make_roles(sender: AppConfig, using: str, apps: Apps = installed_apps, **_: Any) -> None:
    """Receives `post_migrate`: makes missing roles and gives them what they lack of the sender's permissions.

    Django sends it once for each app, after it has made that app's permissions. Nothing is ever taken from a role: to
    give people less, an administrator makes a group of their own. Each change leaves an event; while the database has
    no trail (only some apps are migrated), nothing is changed."""
    try:
        for model in (("auth", "Group"), ("auth", "Permission"), ("audit", "PendingEvent")):
            apps.get_model(*model)
    except LookupError:
        return
    if not router.allow_migrate_model(using, Group):
        return
    permissions = list(Permission.objects.using(using).filter(content_type__app_label=sender.label))
    with acting("system:migrate"), transaction.atomic(using):
        for role, patterns in ROLES.items():
            # The models themselves, not their state at the end of the migration: only of them the signals tell.
            group, _created = Group.objects.using(using).get_or_create(name=role)
            group.permissions.add(
                *(
                    permission
                    for permission in permissions
                    if any(fnmatchcase(f"{sender.label}.{permission.codename}", pattern) for pattern in patterns)
                )
            )
