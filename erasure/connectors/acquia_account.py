"""What an Acquia CDP account can be set to."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from .acquia_sign_in import HOSTS, PATHS, URL
from .options import DAY, BadSettings, Secret, option


@dataclass(frozen=True)
class Options:
    tenant_id: str = option(_("Tenant id"), term="tenantId", help=_("The number in the address of every call."))
    request_origin: str = option(
        _("Request origin"), "erasure-desk", term="requestOrigin", help=_("Names this desk to the vendor.")
    )
    requested_by: str = option(
        _("Requested by"),
        "",
        term="requestedBy",
        help=_("Free text for the vendor; left out if empty. Name a team, not a person."),
    )
    customer_ids_from: tuple[str, ...] = option(
        _("Customer ids: identifier kinds"),
        ("customer_id",),
        term="customerIds",
        help=_("The kinds of identifier that are a customer's id at Acquia. Sent as they are."),
    )
    completion: str = option(
        _("How the end is known"),
        "attest",
        choices={"attest": _("a person confirms it"), "rerequest": _("ask again until none is found")},
        help=_("Acquia does not report the end. To ask again erases what is there by then."),
    )
    rerequest_after_seconds: int = option(
        _("Seconds until it asks again"),
        30 * DAY,
        minimum=1,
        maximum=3650 * DAY,
        help=_("Only if the end is known by asking again: so long after each time."),
    )
    fail_on_not_found: bool = option(
        _("Refuse a call with an unknown id"),
        False,
        term="failOnNotFound",
        help=_("No two cases then share a call, which uses up more of the quota."),
    )
    send_tenant_id: bool = option(
        _("Tenant id in the body too"),
        False,
        term="tenantId",
        help=_("One of the vendor's samples does so, others do not. Leave it off unless the vendor asks for it."),
    )
    region: str = option(
        _("Region"), "", choices=HOSTS, help=_("Gives the hosts that are not named, for calls and for the sign-in.")
    )
    token_url: str = option(
        _("Sign-in address"),
        "",
        effect=False,
        help=_("Where a token is fetched with user and password, if it is not the region's."),
    )
    token_form: str = option(
        _("Form of the sign-in"),
        "login",
        effect=False,
        choices=PATHS,
        term="action",
        help=_("The vendor documents two. Try the other if the sign-in is refused with the right password."),
    )
    token_scheme: str = option(
        _("Scheme of the form create"),
        "a1user",
        effect=False,
        term="scheme",
        help=_("Only for the form create of the sign-in."),
    )
    log_out: bool = option(
        _("Sign out when nothing is left to send"),
        False,
        effect=False,
        term="action=logout",
        help=_("Ends the token each time; the next call signs in anew."),
    )
    acts_after_days: int = option(
        _("Days before it acts"),
        14,
        effect=False,
        minimum=0,
        maximum=365,
        help=_("Published by the vendor. From then on a person is asked to confirm what its screen says."),
    )
    acts_within_days: int = option(
        _("Days by which it has acted"),
        30,
        effect=False,
        minimum=0,
        maximum=365,
        help=_("Published by the vendor. What is not confirmed by then needs attention."),
    )

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", self.tenant_id):
            raise BadSettings({"tenant_id": "must be letters, digits, - and _"})
        if not self.request_origin.strip():
            raise BadSettings({"request_origin": "must not be empty: the vendor requires it"})
        if not self.customer_ids_from:
            raise BadSettings({"customer_ids_from": "must name at least one kind: nobody could be found"})
        if self.token_url and not URL.fullmatch(self.token_url):
            raise BadSettings({"token_url": "must be an address such as https://auth.example.com/token"})
        if self.acts_within_days < self.acts_after_days:
            raise BadSettings({"acts_within_days": "must not be less than acts_after_days"})


@dataclass(frozen=True, repr=False)
class Credentials:
    token: Secret = option(
        _("Token"),
        Secret(""),
        term="access_token",
        help=_("One that lasts; or else a user and a password, with which the desk fetches tokens itself."),
    )
    username: Secret = option(_("User"), Secret(""), help=_("Signs in to fetch a token, if none is set here."))
    password: Secret = option(_("Password"), Secret(""), help=_("Signs in to fetch a token, if none is set here."))
