"""What was changed in accounts and roles, as the trail tells it: fields by name, and of their values only switches.

Accounts tell of themselves (`models.User`). Groups, memberships and permissions are Django's own; its pages and
commands, ours, and anybody's script change them, and all of these pass one place alone, the signals. They are told in
the transaction of the change, but for a group that a script adds or renames outside of any: told right after. What
goes past the ORM (SQL by hand, rows put into the tables between) is told by nobody.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save

from compliance.audit.record import record
from compliance.staff import actions
from compliance.staff.acting import actor
from compliance.staff.roles import ROLES

_CODE = re.compile(r"[a-z0-9_]{1,100}")  # what code gives as a permission's name
UNTOLD = {"id", "last_login"}  # signing in is an event of its own


def _tell(action: str, subject: str, **details: Any) -> None:
    with transaction.atomic(savepoint=False):
        record(action, actor=actor(), subject=subject, **details)


# --- accounts ---------------------------------------------------------------------------------------------------------


def state_of(accounts: QuerySet[Any]) -> dict[int, dict[str, Any]]:
    """The accounts as they are stored, by number; locked, so that nobody changes them before the transaction ends."""
    fields = [field.name for field in accounts.model._meta.concrete_fields if field.name not in UNTOLD]
    rows = accounts.model._base_manager.filter(pk__in=accounts.order_by().values("pk")).order_by("pk")
    return {row["pk"]: row for row in rows.select_for_update(no_key=True).values("pk", *fields)}


def tell(before: Mapping[int, Mapping[str, Any]], after: Mapping[int, Mapping[str, Any]]) -> None:
    """Records what became of each account between two states of them, in the transaction that changed them."""
    for pk, now in after.items():
        was, subject = before.get(pk), f"user:{pk}"
        if was is None:
            switches = {name: value for name, value in now.items() if isinstance(value, bool)}
            _tell(actions.USER_ADDED, subject, **switches)
            continue
        changed = {name for name in now if now[name] != was[name]}
        if "password" in changed:
            _tell(actions.PASSWORD_CHANGED if actor() == subject else actions.PASSWORD_SET, subject)
        if fields := [_told(name, was[name], now[name]) for name in sorted(changed - {"password"})]:
            _tell(actions.USER_CHANGED, subject, fields=fields)


def _told(name: str, was: Any, now: Any) -> str:
    return f"{name}: {was} to {now}".lower() if isinstance(now, bool) else name


def account_deleted(instance: Any, **kwargs: Any) -> None:
    _tell(actions.USER_DELETED, f"user:{instance.pk}")


# --- roles ------------------------------------------------------------------------------------------------------------


def role_word(pk: int, name: str) -> str:
    """What the trail calls a group: one of our roles by its name, any other by its number, for somebody typed that."""
    return name if name in ROLES else f"group:{pk}"


def before_group(instance: Group, **kwargs: Any) -> None:
    stored = Group.objects.filter(pk=instance.pk).values_list("name", flat=True).first()
    vars(instance)["_was"] = stored


def group_saved(instance: Group, created: bool, **kwargs: Any) -> None:
    was, subject = vars(instance).pop("_was", None), f"group:{instance.pk}"
    if created:
        _tell(actions.GROUP_ADDED, subject, role=role_word(instance.pk, instance.name))
    elif was is not None and was != instance.name:
        _tell(actions.GROUP_CHANGED, subject, role=role_word(instance.pk, was), fields=["name"])


def group_deleted(instance: Group, **kwargs: Any) -> None:
    """Its members go with it, of which no signal of theirs tells."""
    role = role_word(instance.pk, instance.name)
    for pk in instance.user_set.order_by("pk").values_list("pk", flat=True):
        _tell(actions.ROLES_TAKEN, f"user:{pk}", roles=[role], groups=[f"group:{instance.pk}"])
    _tell(actions.GROUP_DELETED, f"group:{instance.pk}", role=role)


# --- who has what -----------------------------------------------------------------------------------------------------


def membership_changed(sender: Any, action: str, **given: Any) -> None:
    for user, groups in _moved(sender, "user_id", "group_id", action, **given).items():
        names = dict(Group.objects.filter(pk__in=groups).values_list("pk", "name"))
        _tell(
            actions.ROLES_GIVEN if action == "post_add" else actions.ROLES_TAKEN,
            f"user:{user}",
            roles=[role_word(pk, names[pk]) for pk in groups],
            groups=[f"group:{pk}" for pk in groups],
        )


def user_permissions_changed(sender: Any, action: str, **given: Any) -> None:
    for user, permissions in _moved(sender, "user_id", "permission_id", action, **given).items():
        _tell(
            actions.USER_PERMISSIONS_GIVEN if action == "post_add" else actions.USER_PERMISSIONS_TAKEN,
            f"user:{user}",
            permissions=_permission_words(permissions),
        )


def group_permissions_changed(sender: Any, action: str, **given: Any) -> None:
    for group, permissions in _moved(sender, "group_id", "permission_id", action, **given).items():
        _tell(
            actions.GROUP_PERMISSIONS_GIVEN if action == "post_add" else actions.GROUP_PERMISSIONS_TAKEN,
            f"group:{group}",
            role=role_word(group, Group.objects.values_list("name", flat=True).get(pk=group)),
            permissions=_permission_words(permissions),
        )


def _permission_words(pks: Iterable[int]) -> list[str]:
    found = Permission.objects.filter(pk__in=pks).values_list("pk", "content_type__app_label", "codename")
    return sorted(f"{app}.{name}" if _CODE.fullmatch(name) else f"permission:{pk}" for pk, app, name in found)


def _moved(
    through: Any,
    holder: str,
    held: str,
    action: str,
    *,
    instance: Any,
    reverse: bool,
    pk_set: set[int] | None,
    **kwargs: Any,
) -> dict[int, list[int]]:
    """From what `m2m_changed` gives: each holder → what it has just been given, or is about to lose of what it has.
    Nothing for the other stages of a change."""
    mine, theirs = (held, holder) if reverse else (holder, held)
    if action == "post_add":
        pairs = [(instance.pk, pk) for pk in pk_set or ()]
    elif action in ("pre_remove", "pre_clear"):
        rows = through._default_manager.filter(**{mine: instance.pk})
        if pk_set is not None:
            rows = rows.filter(**{f"{theirs}__in": pk_set})
        pairs = list(rows.values_list(mine, theirs))
    else:
        return {}
    moved = defaultdict(list)
    for near, far in sorted(pairs):
        by, what = (far, near) if reverse else (near, far)
        moved[by].append(what)
    return moved


def listen() -> None:
    """Connects the receivers."""
    from compliance.staff.models import User

    m2m_changed.connect(membership_changed, sender=User.groups.through)
    m2m_changed.connect(user_permissions_changed, sender=User.user_permissions.through)
    m2m_changed.connect(group_permissions_changed, sender=Group.permissions.through)
    pre_delete.connect(account_deleted, sender=User)
    pre_delete.connect(group_deleted, sender=Group)
    pre_save.connect(before_group, sender=Group)
    post_save.connect(group_saved, sender=Group)
