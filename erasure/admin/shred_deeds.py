"""The destruction of a case's personal data: one person asks for it, another approves it."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from erasure import retention
from erasure.states import SHRED_REASONS

from .deed import Deed
from .deed_forms import NoteForm
from .forms import NO_CHOICE


class ShredForm(NoteForm):
    field_order = ("reason", "note")
    reason = forms.ChoiceField(
        label=_("Reason"), choices=[*NO_CHOICE, *((reason.value, reason.label) for reason in SHRED_REASONS)]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].help_text = _("It is destroyed with the rest.")


SHRED_DEEDS = {
    "ask_shred": Deed(
        _("Ask for the destruction of the personal data"),
        "erasure.ask_shred_case",
        ShredForm,
        lambda case, by, given: retention.ask(case, by=by, **given),
        lambda case, _revision: retention.may_ask(case),
        _("Asked for. Another person can approve it now; until then nothing is destroyed."),
        _("Before its time is over. The case, what was done and the trail stay; whose case it was does not."),
    ),
    "withdraw_shred": Deed(
        _("Keep the personal data"),
        "erasure.ask_shred_case",
        NoteForm,
        lambda case, by, given: retention.withdraw(case, by=by, **given),
        lambda case, _revision: retention.asked(case) is not None,
        _("The destruction is no longer asked for."),
        _("Takes back what was asked for. Its time runs on."),
    ),
    "approve_shred": Deed(
        _("Destroy the personal data"),
        "erasure.shred_case",
        forms.Form,
        lambda case, by, given: retention.approve(case, by=by),
        lambda case, _revision: retention.asked(case) is not None,
        _("The personal data of this case was destroyed."),
        _("For good: identifiers, the requester, notes, letters and files. Nobody can bring them back."),
        fresh=True,
    ),
}
