"""What an Acoustic Exchange account can be set to."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from .options import DAY, BadSettings, Secret, option

VENDOR_NAME = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+(?:; ?charset=[a-z0-9-]+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Options:
    generate_output: bool = option(
        _("Have erased identifiers listed"),
        True,
        term="generateOutput",
        help=_(
            "Exchange lists what it erases: kept as evidence, and further identifiers are suggested. Without it, "
            "Exchange does not say which identifiers it knew."
        ),
    )
    names: dict[str, str] = option(
        _("Identifier kinds and Exchange's names for them"),
        {},
        term="Type",
        help=_(
            "Beside email, phone, cookie_id (cookieId) and x1_id (x1Id), or in their place. A line for each, such as "
            "device_id = idfa."
        ),
    )
    upload_content_type: str = option(
        _("Content type of the upload"),
        "text/csv",
        term="Content-Type",
        help=_("The vendor does not document it. Change it only if Exchange refuses uploads."),
    )
    keep_output_days: int = option(
        _("Days to keep a list"),
        30,
        effect=False,
        minimum=0,
        maximum=3650,
        help=_("It names the person in many systems. 0 keeps hash and counts only."),
    )
    ask_again_after_seconds: int = option(
        _("Seconds until it is asked again"),
        0,
        later=True,
        minimum=0,
        maximum=3650 * DAY,
        help=_("After an erasure: runs it once more. That erases what is there by then. 0: never."),
    )

    def __post_init__(self) -> None:
        bad = sorted(kind for kind, name in self.names.items() if not VENDOR_NAME.fullmatch(name))
        if bad:
            raise BadSettings({"names": f"{', '.join(bad)}: Exchange's name is up to 100 plain characters"})
        if self.ask_again_after_seconds and not self.generate_output:
            raise BadSettings({"ask_again_after_seconds": "needs generate_output: nobody could tell what was there"})
        if not MEDIA_TYPE.fullmatch(self.upload_content_type):
            raise BadSettings({"upload_content_type": "must be a media type, such as text/csv"})


@dataclass(frozen=True, repr=False)
class Credentials:
    account_key: Secret = option(
        _("Account level key"),
        Secret(""),
        term="Authorization: Bearer",
        help=_("The key of the account, not that of a single endpoint."),
    )
