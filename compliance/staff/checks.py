"""Whether people reach the desk as safely as they should, for `check --deploy` and the doctor."""

from typing import Any

from django.conf import settings
from django.core import checks


def register() -> None:
    for check in (second_factor_is_on, hosts_are_named, proxy_is_known):
        checks.register(check, checks.Tags.security, deploy=True)


def second_factor_is_on(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if settings.SECOND_FACTOR:
        return []
    return [
        checks.Warning(
            "A password alone opens the desk: it is as safe as the weakest password.",
            hint="Take SECOND_FACTOR=0 out of the environment.",
            id="staff.W001",
        )
    ]


def hosts_are_named(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        checks.Warning(
            "The desk answers to any host name (ALLOWED_HOSTS has *).",
            hint="Name the hosts by which people reach it: ALLOWED_HOSTS=desk.example.org.",
            id="staff.W002",
        )
    ]


def proxy_is_known(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if not settings.HTTPS or settings.TRUSTED_PROXIES:
        return []
    return [
        checks.Warning(
            "No proxy is trusted, so that every caller seems to be the proxy: lock-outs hit everybody at once, and "
            "http cannot be told from https.",
            hint="Name the addresses of the proxy that speaks https, such as TRUSTED_PROXIES=127.0.0.1.",
            id="staff.W003",
        )
    ]
