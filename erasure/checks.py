"""Whether the settings are those of a real desk, for `check --deploy` and the doctor."""

from typing import Any

from django.conf import settings
from django.core import checks


def register() -> None:
    for check in (no_loopback_vendors, mail_goes_out, somebody_is_told):
        checks.register(check, checks.Tags.security, deploy=True)


def no_loopback_vendors(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if not settings.VENDOR_LOOPBACK:
        return []
    return [
        checks.Warning(
            "Vendor accounts may name this machine, over plain http: that is for the sandbox and tests.",
            hint="Take VENDOR_LOOPBACK=1 out of the environment.",
            id="erasure.W001",
        )
    ]


def mail_goes_out(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if settings.MAIL_IS_SET:
        return []
    return [
        checks.Warning(
            "No mail server is set: nobody is reminded of what is due, and letters do not go out by e-mail.",
            hint="Set EMAIL_URL, such as smtp+tls://user:password@host:587.",
            id="erasure.W002",
        )
    ]


def somebody_is_told(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if settings.ALERTS_TO:
        return []
    return [
        checks.Warning(
            "Nobody is told when an account is paused, work needs attention or no worker runs.",
            hint="Set ALERTS_TO to the addresses of those who look after the desk.",
            id="erasure.W003",
        )
    ]
