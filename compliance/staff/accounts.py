"""The first account of a desk, and the end of one."""

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from compliance.audit.record import record
from compliance.staff import actions, second_factor, tokens
from compliance.staff.acting import acting
from compliance.staff.models import ServiceToken, User

ADMINISTRATOR = "administrator"


class NotClosed(ValueError):
    """Nothing was changed; the text says why and what to do."""


@dataclass(frozen=True)
class Closed:
    """What ended with an account."""

    sessions: int
    roles: list[str]
    tokens: list[ServiceToken]


def people_with(permission: str) -> QuerySet[User]:
    """Those who can sign in and may do this, such as `staff.change_user`."""
    found = User.objects.with_perm(permission, backend="django.contrib.auth.backends.ModelBackend")
    return found.filter(is_active=True, is_staff=True, is_service=False)


def administrators() -> QuerySet[User]:
    """Those who can sign in and may manage people."""
    return people_with("staff.change_user")


def make_administrator(username: str, email: str, password: str, *, actor: str) -> User:
    """A person with the role administrator. They set up their second factor at their first sign-in. Raises
    ValidationError for a name that is taken or none, and for a password that is too weak; then nothing is made."""
    person = User(username=User.normalize_username(username), email=email, is_staff=True)
    person.full_clean(exclude=["password"])
    validate_password(password, person)
    person.set_password(password)
    with acting(actor), transaction.atomic():
        person.save()
        person.groups.add(Group.objects.get(name=ADMINISTRATOR))
    return person


def close(account: User, *, actor: str, tokens_of: Collection[User] = ()) -> Closed:
    """Ends an account for good, at once: it cannot sign in, its sessions end, its roles, its password and its second
    factor are taken away. Of a service account, and of those in `tokens_of`, whose tokens a person knew, the tokens are
    revoked. The account itself stays, for the trail names it. Raises `NotClosed` for the last administrator."""
    with acting(actor), transaction.atomic():
        account = User.objects.select_for_update(no_key=True).get(pk=account.pk)
        here = set(administrators().values_list("pk", flat=True))
        if here == {account.pk}:
            raise NotClosed(_("Nothing was changed: nobody else may manage people. Make another administrator first."))
        revoked = []
        for token in tokens.living().filter(account__in={account.pk, *(each.pk for each in tokens_of)}):
            if tokens.revoke(token, actor=actor):
                revoked.append(token)
        roles = list(account.groups.order_by("name").values_list("name", flat=True))
        account.groups.clear()
        account.user_permissions.clear()
        account.is_active = account.is_staff = account.is_superuser = False
        if account.has_usable_password():
            account.set_unusable_password()
        account.save()
        second_factor.take_away(account)
        ended = second_factor.end_sessions(account)
        record(actions.LEFT, actor=actor, subject=f"user:{account.pk}", sessions=ended, tokens=len(revoked))
    return Closed(ended, roles, revoked)
