"""Why something is refused, for the person who asked."""

from django.utils.translation import gettext as _

from erasure.states import RefusalGround


def grounds() -> dict[RefusalGround, str]:
    return {
        RefusalGround.EXPRESSION: _("The data is needed for the freedom of expression and information."),
        RefusalGround.LEGAL_OBLIGATION: _("A law obliges us to keep the data."),
        RefusalGround.PUBLIC_HEALTH: _("The data is needed in the public interest in the area of public health."),
        RefusalGround.ARCHIVING: _(
            "The data is needed for archiving in the public interest, for research or for statistics, which its "
            "erasure would make impossible or seriously impair."
        ),
        RefusalGround.LEGAL_CLAIMS: _("The data is needed to establish, exercise or defend legal claims."),
        RefusalGround.UNFOUNDED: _("The request is manifestly unfounded or excessive."),
        RefusalGround.IDENTITY_NOT_PROVEN: _(
            "We could not establish that the request comes from you, and so we may not act on it."
        ),
    }
