"""The ledger of recipients on the page of a case: what it shows, and what can be recorded in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from erasure import lifecycle, recipients
from erasure.lifecycle.ledger import MAX_NAME
from erasure.models import Case
from erasure.recipients import Line, Standing
from erasure.states import Channel, NotTold

from .deed import Deed
from .deed_forms import DayForm, RequiredNoteForm
from .forms import NO_CHOICE, NoteField
from .shared import badge


class AddRecipientForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=MAX_NAME,
        help_text=_("A company or an office that got the data and is no vendor of this case, such as an auditor."),
    )


class RecipientForm(forms.Form):
    """A form about one line of a ledger that is not told yet."""

    recipient = forms.ChoiceField(label=_("Recipient"))

    def offer(self, case: Case) -> None:
        choices = [(line.key, line.name) for line in recipients.lines(case) if line.may_be_told]
        self.fields["recipient"].choices = [*NO_CHOICE, *choices]  # type: ignore[attr-defined]


class ToldForm(RecipientForm, DayForm):
    field_order = ("recipient", "channel", "on", "note")
    channel = forms.ChoiceField(label=_("How it was told"), choices=[*NO_CHOICE, *Channel.choices])


class NotToldForm(RecipientForm, RequiredNoteForm):
    field_order = ("recipient", "why", "note")
    why = forms.ChoiceField(label=_("Why not"), choices=[*NO_CHOICE, *NotTold.choices])
    note = NoteField(label=_("Justification"), required=True)


def _add(case: Case, by: Any, given: dict[str, Any]) -> None:
    lifecycle.add_recipient(case, by=by, **given)


def _owed(case: Case, _revision: Any) -> bool:
    return recipients.owed(case) and not case.cancelled_at


def _some_untold(case: Case, _revision: Any) -> bool:
    return recipients.owed(case) and any(line.may_be_told for line in recipients.lines(case))


LEDGER_DEEDS: dict[str, Deed] = {
    "add_recipient": Deed(
        _("Add a recipient"),
        "erasure.change_case",
        AddRecipientForm,
        _add,
        _owed,
        _("The recipient is in the ledger. Record when it was told."),
        _("Vendors of the case are in the ledger by themselves."),
    ),
    "told_recipient": Deed(
        _("Record that a recipient was told"),
        "erasure.change_case",
        ToldForm,
        lambda case, by, given: lifecycle.told_recipient(case, by=by, **given),
        _some_untold,
        _("Recorded: the recipient was told."),
        _("Once it was told of the erasure or restriction. It is recorded once and not taken back."),
    ),
    "not_told": Deed(
        _("Record why a recipient is not told"),
        "erasure.change_case",
        NotToldForm,
        lambda case, by, given: lifecycle.not_told(case, by=by, **given),
        _some_untold,
        _("Recorded: why the recipient is not told."),
        _("Only where telling it is impossible or takes a disproportionate effort (GDPR art. 19)."),
    ),
}

_BADGES: dict[Standing, tuple[str, str, Any]] = {
    Standing.TOLD: ("good", "✓", _("told")),
    Standing.EXCUSED: ("quiet", "–", _("not told, justified")),
    Standing.NOT_HELD: ("quiet", "–", _("held nothing")),
    Standing.UNDER_WAY: ("quiet", "◔", _("not told yet")),
    Standing.NOT_OWED: ("quiet", "–", _("need not be told")),
    Standing.OPEN: ("warn", "!", _("open")),
}


@dataclass(frozen=True)
class Ledger:
    """What the page shows of it: each line with its badge, and the deeds that go with it."""

    lines: list[tuple[Line, Any]]
    offers: list[Any]


def ledger(case: Case, offers: Iterable[Any]) -> Ledger:
    found = [(line, badge(*_BADGES[line.standing])) for line in recipients.lines(case)]
    return Ledger(found, [offer for offer in offers if offer.name in LEDGER_DEEDS])
