"""The ledger of recipients, printed for the person, who may ask who got their data (GDPR art. 19)."""

from collections.abc import Iterator

from django.utils import translation
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from erasure import recipients
from erasure.models import Case
from erasure.recipients import Line, Standing

from .spoken import active, day, language_of
from .typeset import Block, Cell, Column, Document, Facts, Paragraph, Table, pdf


def recipients_list(case: Case, *, language: str = "") -> bytes:
    """The PDF, in the language of the requester or in this one. The same state makes the same bytes."""
    with translation.override(language or language_of(case)):
        return pdf(document(case))


def document(case: Case) -> Document:
    """In the active language."""
    return Document(
        title=_("Who received your data"),
        name=_("Recipients"),
        reference=case.reference,
        footer=_("As of %(day)s") % {"day": day(case.updated_at)},
        page=_("Page {page} of {pages}"),
        language=active(),
        date=case.updated_at,
        blocks=list(_blocks(case)),
    )


def _blocks(case: Case) -> Iterator[Block]:
    yield Facts(
        [
            (_("Reference"), case.reference),
            (_("Your request"), capfirst(case.get_kind_display())),
            (_("Received"), day(case.received_on)),
        ]
    )
    yield Paragraph(
        _(
            "These are the recipients to which your personal data has been disclosed and, for an erasure or a "
            "restriction, when and how each was told of it. A recipient need not be told where that is impossible or "
            "would take a disproportionate effort (GDPR art. 19)."
        )
    )
    found = recipients.lines(case)
    if not found:
        yield Paragraph(_("No recipient is on record."))
        return
    columns = [Column(_("Recipient"), 6), Column(_("Told"), 4), Column(_("How, or why not"), 8)]
    yield Table(columns, [[line.name, _told(line), _how(line)] for line in found])


def _told(line: Line) -> Cell:
    if line.told_on:
        return day(line.told_on)
    return {
        Standing.EXCUSED: _("no"),
        Standing.NOT_HELD: _("no"),
        Standing.UNDER_WAY: _("not yet"),
        Standing.NOT_OWED: _("not necessary"),
    }.get(line.standing, _("not yet"))


def _how(line: Line) -> Cell:
    """For the person: what an open line waits for is for staff."""
    if line.told_on and line.confirmed_on:
        return [line.how, _("confirmed on %(day)s") % {"day": day(line.confirmed_on)}]
    if line.told_on:
        return line.how
    if line.standing == Standing.NOT_HELD:
        return _("it was searched, and held nothing about you")
    return line.why_not if line.justified else ""
