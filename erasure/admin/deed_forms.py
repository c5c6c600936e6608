"""The forms of the deeds of a case and of vendor work (`deeds`)."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from erasure import evidence
from erasure.errors import Invalid
from erasure.normalise import clean_text
from erasure.states import (
    CancelReason,
    Channel,
    ExtensionReason,
    Held,
    IdentityMethod,
    IdentityResult,
    InquiryReason,
    RefusalGround,
)

from .forms import NO_CHOICE, NoteField, people


class NoteForm(forms.Form):
    note = NoteField()


class RequiredNoteForm(forms.Form):
    note = NoteField(required=True)


class EvidenceField(forms.FileField):
    """A file to be kept as evidence, as an `evidence.File`; None where there is none."""

    def clean(self, data: Any, initial: Any = None) -> evidence.File | None:
        given = super().clean(data, initial)
        if not given:
            return None
        try:
            evidence.check(given.size)
        except Invalid as error:
            raise forms.ValidationError(error.text) from None
        return evidence.File(given.name, given.read())


class HeldField(forms.ChoiceField):
    """Whether data of the person was held; nothing chosen means unknown."""

    widget = forms.RadioSelect

    def __init__(self, *choices: tuple[Held, Any]) -> None:
        super().__init__(
            label=_("Was data of the person held there?"),
            choices=[(Held.UNKNOWN.value, _("unknown")), *((held.value, text) for held, text in choices)],
            initial=Held.UNKNOWN.value,
            required=False,
            help_text=_("What the vendor itself has said of this stays."),
        )

    def clean(self, value: Any) -> str:
        return super().clean(value) or Held.UNKNOWN.value


class AttestForm(RequiredNoteForm):
    field_order: tuple[str, ...] = ("held", "note", "file")
    held = HeldField((Held.YES, _("yes, and it is done")), (Held.NO, _("no, nothing was held")))
    file = EvidenceField(
        label=_("File"),
        required=False,
        help_text=_(
            "What you saw, such as a picture of the vendor's screen: sealed and kept with the case, 5 MiB at most."
        ),
    )


class AttestReferenceForm(AttestForm):
    """A confirmation of all that a vendor took under one reference: that it held none of it is nobody's to say."""

    held = HeldField((Held.YES, _("yes, and it is done")))


class AttestSharedForm(AttestReferenceForm):
    """The same, with the references to choose from."""

    field_order = ("reference", "held", "note", "file")
    reference = forms.ChoiceField(label=_("Vendor reference"))

    def offer(self, shared: dict[str, int]) -> None:
        """`shared`: the references to choose from, each with how many cases share it."""
        self.fields["reference"].choices = [  # type: ignore[attr-defined]
            (
                name,
                ngettext("%(name)s: %(cases)s case", "%(name)s: %(cases)s cases", cases)
                % {"name": name, "cases": cases},
            )
            for name, cases in shared.items()
        ]


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.TextInput({"size": 40}))

    def clean_reason(self) -> str:
        try:
            return clean_text(self.cleaned_data["reason"], max_length=500)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class ApproveForm(NoteForm):
    digest = forms.CharField(widget=forms.HiddenInput)


class RejectForm(NoteForm):
    field_order = ("ground", "note")
    ground = forms.ChoiceField(label=_("Ground"), choices=[*NO_CHOICE, *RefusalGround.choices])


class CancelForm(NoteForm):
    field_order = ("reason", "duplicate_of", "note")
    reason = forms.ChoiceField(label=_("Reason"), choices=[*NO_CHOICE, *CancelReason.choices])
    duplicate_of = forms.CharField(
        label=_("Duplicate of"), required=False, max_length=20, help_text=_("The reference of the other case.")
    )


class AssignForm(forms.Form):
    handler: Any = forms.ModelChoiceField(label=_("Handler"), queryset=None, required=False, empty_label=_("nobody"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["handler"].queryset = people()  # type: ignore[attr-defined]


class ExtendForm(NoteForm):
    field_order = ("reason", "channel", "note")
    reason = forms.ChoiceField(label=_("Reason"), choices=[*NO_CHOICE, *ExtensionReason.choices])
    channel = forms.ChoiceField(label=_("How the person was told"), choices=[*NO_CHOICE, *Channel.choices])


class AcknowledgeForm(NoteForm):
    field_order = ("channel", "note")
    channel = forms.ChoiceField(label=_("How the person was told"), choices=[*NO_CHOICE, *Channel.choices])


class IdentityForm(NoteForm):
    field_order = ("method", "result", "note", "file")
    method = forms.ChoiceField(label=_("How it was checked"), choices=[*NO_CHOICE, *IdentityMethod.choices])
    result = forms.ChoiceField(label=_("Result"), choices=[*NO_CHOICE, *IdentityResult.choices])
    file = EvidenceField(
        label=_("File"),
        required=False,
        help_text=_("What you saw, if it has to be kept: sealed with the case, 5 MiB at most."),
    )


class DayForm(NoteForm):
    on = forms.DateField(
        label=_("Day"),
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Left empty: today."),
    )


class AskForm(DayForm):
    field_order = ("reason", "channel", "on", "note")
    reason = forms.ChoiceField(label=_("What they were asked"), choices=[*NO_CHOICE, *InquiryReason.choices])
    channel = forms.ChoiceField(label=_("How they were asked"), choices=[*NO_CHOICE, *Channel.choices])


class AnsweredForm(DayForm):
    field_order = ("reason", "on", "note")
    reason = forms.ChoiceField(label=_("What they were asked"), choices=[*NO_CHOICE, *InquiryReason.choices])


class ReplyForm(NoteForm):
    field_order = ("channel", "note")
    channel = forms.ChoiceField(label=_("How they were answered"), choices=[*NO_CHOICE, *Channel.choices])


class ProposalsForm(NoteForm):
    """What is decided about suggested identifiers: `decision-<id>`, accept or dismiss, for each that is decided.
    Whether these are suggestions of the case is for lifecycle to say."""

    PREFIX = "decision-"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].help_text = _("Dismissing takes a reason.")
        #: id → accept or dismiss
        self.chosen = {
            name.removeprefix(self.PREFIX): self.data[name]
            for name in self.data
            if name.startswith(self.PREFIX) and self.data[name] in ("accept", "dismiss")
        }

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for choice in ("accept", "dismiss"):
            given[choice] = [number for number, chosen in self.chosen.items() if chosen == choice]
        return given


class RemoveForm(forms.Form):
    identifier = forms.UUIDField(widget=forms.HiddenInput)
