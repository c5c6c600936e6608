"""What tests of signing in share: a person, their authenticator app, and the pages."""

import re
from typing import Any

from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP

from compliance import clock
from compliance.staff import second_factor
from compliance.staff.models import Authenticator, User

PASSWORD = "correct horse battery"
CODE_PAGE = "/admin/second-factor/code/"
SET_UP_PAGE = "/admin/second-factor/set-up/"


def code_of(device: Authenticator, *, steps: int = 0) -> str:
    """What the person's app shows now, or `steps` half minutes later."""
    totp = TOTP(device.key())
    totp.time = clock.now().timestamp() + 30 * steps
    return f"{totp.token():06}"


def wrong_code_of(device: Authenticator) -> str:
    near = {code_of(device, steps=steps) for steps in range(-3, 4)}
    return next(
        text
        for text in ("000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777")
        if text not in near
    )


def with_device(user: User) -> tuple[Authenticator, list[str]]:
    """The person's confirmed authenticator, of which no code has been used, and their recovery codes."""
    device = second_factor.begin(user)
    confirmed, codes = second_factor.confirm(user, device.pk, code_of(device), replace=False)
    Authenticator.objects.filter(pk=confirmed.pk).update(last_step=-1)
    confirmed.refresh_from_db()
    return confirmed, codes


def give_password(client: Client, name: str = "anna", password: str = PASSWORD, **more: Any):
    return client.post(reverse("admin:login"), {"username": name, "password": password, **more})


def give_code(client: Client, code: str, **more: Any):
    return client.post(CODE_PAGE, {"code": code, **more})


def errors_of(response) -> str:
    return " ".join(re.findall(r'class="error(?:note|list)".*?</(?:p|ul)>', response.content.decode(), re.DOTALL))
