"""Of a case's document: how the trail proves what it says, and what it does not prove."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.audit.models import Checkpoint

from .reading import Reading, moment, number
from .typeset import Block, Code, Facts, Heading, Mono, Paragraph


def section(read: Reading, checkpoint: Checkpoint) -> Iterator[Block]:
    count = len(read.events)
    sealed = {"size": checkpoint.size, "at": moment(checkpoint.at)}
    yield Heading(_("How the trail proves this"))
    yield Paragraph(
        _(
            "Whatever is done in the desk writes an event, which is never changed, into one log of all cases (a Merkle "
            "tree, RFC 9162). A signed checkpoint fixes every event before it. The files beside this document hold the "
            "events of this case, the checkpoint, and the hashes that link the two; nothing of other cases can be read "
            "from them. The events are what is proven: the tables above are drawn from the desk's records, and name "
            "the events that say the same."
        )
    )
    yield Facts(
        [
            (_("Log"), Mono(checkpoint.note.partition("\n")[0])),
            (
                _("Checkpoint"),
                _("%(size)s events, sealed %(at)s") % sealed,
            ),
            (_("Root"), Mono(checkpoint.root)),
            (
                _("Events of this case"),
                ngettext(
                    "%(count)s event, number %(first)s",
                    "%(count)s events, the first number %(first)s, the last number %(last)s",
                    count,
                )
                % {"count": count, "first": number(read.events[0]), "last": number(read.events[-1])},
            ),
        ]
    )
    yield Paragraph(_("The checkpoint, as it was signed:"))
    yield Code(checkpoint.note.rstrip("\n").split("\n"))
    yield Paragraph(_("To check it, with Python 3.11 or newer and nothing else, in the folder of these files:"))
    yield Code([COMMAND])
    yield Paragraph(
        _(
            "This shows that each event is in the log unchanged, at its place, and that the log was signed. It does "
            "not show that no event of the case was left out: an export of the whole log shows that. Who owns "
            "the database and the signing key could rewrite the whole log; a checkpoint that somebody else kept from "
            "before makes that evident. Checked are the events, not this document: what you rely on here, compare "
            "with the event that is named."
        )
    )


COMMAND = "python3 -I verify.py trail.csv --public-key audit-key.txt"
