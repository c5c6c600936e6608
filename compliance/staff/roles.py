"""The roles, as Django groups. Made after every migration; what an administrator adds to one by hand stays."""

from fnmatch import fnmatchcase
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.db import router

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
)
_AUDITOR = (*_READ_CASES, "audit.view_*", "audit.export_event")
_VENDOR_MANAGER = (
    "erasure.view_vendor",
    "erasure.add_vendor",
    "erasure.change_vendor",
    "erasure.test_vendor",
    "erasure.view_call",
)
_ADMINISTRATOR = (
    *_INTAKE,
    *_APPROVER,
    *_AUDITOR,
    *_VENDOR_MANAGER,
    "django_q.view_*",
    "staff.*_user",
    "staff.*_servicetoken",
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
    give people less, an administrator makes a group of their own."""
    try:
        group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:  # migrated back to before there were groups
        return
    if not router.allow_migrate_model(using, group_model):
        return
    permissions = list(permission_model._default_manager.using(using).filter(content_type__app_label=sender.label))
    for role, patterns in ROLES.items():
        group, _created = group_model._default_manager.using(using).get_or_create(name=role)
        group.permissions.add(
            *(
                permission
                for permission in permissions
                if any(fnmatchcase(f"{sender.label}.{permission.codename}", pattern) for pattern in patterns)
            )
        )
