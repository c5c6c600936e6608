"""Why a vendor's part is not simply sent."""

from django.utils.translation import gettext as _

from erasure.states import RefusalGround

NO_IDENTIFIER, BY_HAND, NOT_OFFERED = "no_identifier", "by_hand", "not_offered"
_REFUSED = "refused:"


def refusal(ground: str) -> str:
    """The reason of a part that is refused on this ground."""
    return _REFUSED + ground


def refused_on(reason: str) -> str:
    """The ground on which a part is refused, by its reason; empty if it is not."""
    return reason.removeprefix(_REFUSED) if reason.startswith(_REFUSED) else ""


def reason_text(reason: str) -> str:
    """A reason as a sentence for staff."""
    if ground := refused_on(reason):
        text = _("Refused for this vendor (%(ground)s): nothing is sent.")
        return text % {"ground": RefusalGround(ground).label if ground in RefusalGround else ground}
    return {
        NO_IDENTIFIER: _("Nothing here names the person at this vendor: look them up and add an identifier."),
        BY_HAND: _("This system has no API: a person does the work and confirms it."),
        NOT_OFFERED: _("This vendor's API cannot do this: a person does the work and confirms it."),
        "searched_none": _("Searched by hand, none found."),
        "replaced": _("Taken over by a later plan version."),
        "stopped_before_sending": _("Stopped before anything was sent."),
        "stopped_before_effect": _("Stopped before the vendor was asked to change anything."),
        "given_up": _("Given up by hand."),
        "settings_changed": _("Not asked again: the settings of the account have changed since the approval."),
        "accepted": _("Data was there again, and a person has dealt with it."),
        "shredded": _("Stopped, as the personal data of the case was destroyed."),
        "discarded": _("Its plan version was not approved."),
    }.get(reason, "")
