"""What an Apptus account can be set to."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from .apptus_jobs import PREFIXES
from .options import DAY, BadSettings, Secret, option


@dataclass(frozen=True)
class Options:
    generation: str = option(
        _("API generation"),
        "v1",
        choices=PREFIXES,
        help=_("v1 signs in with the cluster's user and password; v2 and admin-v4 (Elevate) with an API key."),
    )
    export_before_erasing: bool = option(
        _("Export before erasing"),
        True,
        help=_(
            "Download and keep what is held before it is removed, as the vendor advises. Without it, nobody can say "
            "afterwards whether data was held."
        ),
    )
    customer_key_from: tuple[str, ...] = option(
        _("Signed-in customers: identifier kinds"),
        ("customer_id",),
        term="customerKey",
        help=_(
            "Their exact text, hashed with SHA-256, is the customer key. Name the kinds with which your shop made its "
            "keys; “Show what is sent for an identifier” lets you compare one."
        ),
    )
    visitor_key_from: tuple[str, ...] = option(
        _("Visitors: identifier kinds"),
        ("visitor_id",),
        term="customerKey",
        help=_("The UUID of a visitor who was not signed in. Sent as they are."),
    )
    archive_days: int = option(
        _("Days until data is archived"),
        5,
        effect=False,
        minimum=0,
        maximum=365,
        help=_("Apptus works on archived data only. This sets the expected date that staff see, nothing else."),
    )
    keep_export_days: int = option(
        _("Days to keep an export"),
        30,
        effect=False,
        minimum=0,
        maximum=3650,
        help=_("It is the person's whole file. 0 keeps hash and counts only; an export case keeps it for at least 30."),
    )
    ask_again_after_seconds: int = option(
        _("Seconds until it is asked again"),
        0,
        later=True,
        minimum=0,
        maximum=3650 * DAY,
        help=_("After an erasure: asks for an export, to see that nothing is held any more. It only reads. 0: never."),
    )

    def __post_init__(self) -> None:
        if "customer_key" in self.customer_key_from:  # a hash of the hash would find nobody
            raise BadSettings({"customer_key_from": "customer_key is a hash already and always accepted"})
        twice = set(self.customer_key_from) & set(self.visitor_key_from)
        if twice:
            raise BadSettings({"visitor_key_from": f"{', '.join(sorted(twice))} is in customer_key_from already"})


@dataclass(frozen=True, repr=False)
class Credentials:
    username: Secret = option(_("User"), Secret(""), help=_("The cluster's user, for the generation v1."))
    password: Secret = option(_("Password"), Secret(""), help=_("The cluster's password, for the generation v1."))
    api_key: Secret = option(_("API key"), Secret(""), term="Api-Key", help=_("For the generations v2 and admin-v4."))
