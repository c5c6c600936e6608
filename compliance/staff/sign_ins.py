"""Who signed in and out, and who tried to: events, none of which holds what was typed."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.staff import actions, session
from compliance.staff.models import FailedSignIns, User

WINDOW = timedelta(minutes=10)


def signed_in(user: User, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Receives `user_logged_in`. The session is stored only after it, with the response: a sign-in that cannot be
    recorded is none. Where a second factor is due, this was the first half of one."""
    first_half = request is not None and not session.passed_second_factor(request)
    with transaction.atomic():
        action = actions.PASSWORD_GIVEN if first_half else actions.SIGNED_IN
        record(action, actor=actor_of(user), subject=f"user:{user.pk}")
    if request is not None:
        session.prove(request)


def signed_out(user: User | None, **kwargs: Any) -> None:
    """Receives `user_logged_out`, before the session ends; `user` is None where nobody was signed in."""
    if user is not None:
        with transaction.atomic():
            record(actions.SIGNED_OUT, actor=actor_of(user), subject=f"user:{user.pk}")


def refused(credentials: dict[str, Any], **kwargs: Any) -> None:
    """Receives `user_login_failed`."""
    failed(str(credentials.get(User.USERNAME_FIELD, "")))


def failed(name: str) -> None:
    """Counts a failed sign-in, under the account of that name, or with all others whose names no account has."""
    count(actions.SIGN_IN_FAILED, User.objects.filter(username=name).values_list("pk", flat=True).first())


def count(action: str, pk: int | None) -> None:
    """Counts what became of a sign-in of an account, or of names that no account has (None); of each, the 1st, 2nd,
    4th, 8th, … within WINDOW is recorded. So nobody fills the trail from outside.

    The count is kept in the database, so that each time takes one write, whether or not it is recorded and the account
    exists: how long the answer takes tells neither."""
    account = actions.UNKNOWN if pk is None else f"user:{pk}"
    with transaction.atomic():
        kept = FailedSignIns.objects.select_for_update()
        key = account if action == actions.SIGN_IN_FAILED else f"{action} {account}"
        failures, _made = kept.get_or_create(account=key, defaults={"since": clock.now()})
        now = clock.now()  # only now that the row is ours: whoever had it before has read the clock before
        # Both ways, so that a clock which was far ahead for a while silences nothing; hosts differ by less than that.
        if abs(now - failures.since) >= WINDOW:
            failures.since, failures.count = now, 0
        failures.count += 1
        failures.save()
        if failures.count.bit_count() == 1:
            record(
                action,
                actor="system:web",
                subject="" if pk is None else account,
                account=account,
                count=failures.count,
            )


def listen() -> None:
    """Connects the receivers."""
    user_logged_in.connect(signed_in)
    user_logged_out.connect(signed_out)
    user_login_failed.connect(refused)
