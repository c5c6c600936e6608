"""What people read of each deed for many, and what they fill in."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy

from erasure.lifecycle.shared import MAX_NOTE
from erasure.models import BulkJob
from erasure.normalise import clean_text
from erasure.states import BulkDeed, Held

from .deed_forms import ExtendForm, HeldField, NoteForm, RejectForm, ReplyForm
from .forms import NoteField


class _CleanNote(forms.Form):
    """A note that no case could keep is refused once, and not case by case."""

    def clean_note(self) -> str:
        try:
            return clean_text(self.cleaned_data["note"], max_length=MAX_NOTE, lines=True)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class _NoteForm(_CleanNote, NoteForm):
    pass


class _RejectForm(_CleanNote, RejectForm):
    pass


class _VendorForm(forms.Form):
    """Which vendor's work; the choices come from what was looked at."""

    vendor = forms.ChoiceField(label=_("Vendor"))

    def offer(self, summary: list[dict[str, Any]], *, everyone: bool) -> None:
        cases: dict[tuple[str, str], int] = {}
        for row in summary:
            key = row["vendor_id"], row["vendor"]
            cases[key] = cases.get(key, 0) + row["cases"]
        choices: list[tuple[str, Any]] = [("", _("all of them"))] if everyone else []
        if not everyone and len(cases) > 1:
            choices = [("", "---------")]
        for (number, name), count in cases.items():
            text = ngettext("%(vendor)s: %(count)s case", "%(vendor)s: %(count)s cases", count)
            choices.append((number, text % {"vendor": name, "count": count}))
        self.fields["vendor"].choices = choices  # type: ignore[attr-defined]
        self.fields["vendor"].required = not everyone


class _RetryForm(_VendorForm):
    pass


class _AttestForm(_CleanNote, _VendorForm):
    held = HeldField((Held.YES, _("yes, and it is done")), (Held.NO, _("no, nothing was held")))
    note = NoteField(
        required=True,
        help_text=_("What you did, or what the vendor's own screen says. Each case keeps it as evidence."),
    )


class _SearchedForm(_CleanNote, _VendorForm):
    note = NoteField(required=True, help_text=_("Where and how you searched. Each case keeps it as evidence."))


class _ReplyForm(_CleanNote, ReplyForm):
    pass


class _ExtendForm(_CleanNote, ExtendForm):
    pass


class ExportForm(forms.Form):
    REGISTER, TRAIL = "register", "trail"
    what = forms.ChoiceField(
        label=_("What"),
        choices=[
            (REGISTER, _("the register: a line for each case")),
            (TRAIL, _("the audit trail: a line for each event of these cases")),
        ],
    )
    format = forms.ChoiceField(
        label=_("Format"), choices=[("csv", _("CSV")), ("excel", _("CSV for Excel (with a byte order mark)"))]
    )


@dataclass(frozen=True)
class Words:
    """`offer`: in the list's menu; `title`: of the page; `button`: with the number of cases, unless a choice of vendor
    decides it; `intro`: what is done; `warning`: what cannot be undone."""

    offer: Any
    title: Any
    button: Any
    intro: Any
    warning: Any = ""
    form: type[forms.Form] = forms.Form


WORDS: dict[str, Words] = {
    BulkDeed.SUBMIT: Words(
        _("Submit for approval…"),
        _("Submit cases for approval"),
        ngettext_lazy("Submit %(count)s case", "Submit %(count)s cases", "count"),
        _("Each of these cases is submitted. Another person can then approve its plan."),
    ),
    BulkDeed.APPROVE: Words(
        _("Approve…"),
        _("Approve plans"),
        ngettext_lazy("Approve %(count)s case", "Approve %(count)s cases", "count"),
        _("Each of these plans is approved as it stands here. One that has changed by then is skipped."),
        _("What is erased at a vendor cannot be brought back."),
        _NoteForm,
    ),
    BulkDeed.REJECT: Words(
        _("Reject…"),
        _("Reject cases"),
        ngettext_lazy("Reject %(count)s case", "Reject %(count)s cases", "count"),
        _("Refuses what has not been approved, on the same ground for all. Nothing that waits for approval is sent."),
        _("A rejected case is not taken up again: the person would have to ask once more."),
        _RejectForm,
    ),
    BulkDeed.RETRY: Words(
        _("Try vendor work again…"),
        _("Try vendor work again"),
        _("Try again"),
        _("All vendor work of these cases that needs attention is tried again. What is approved is checked once more."),
        _("Where a vendor's answer was lost, it may do the same twice. The trail names each such call."),
        _RetryForm,
    ),
    BulkDeed.ATTEST: Words(
        _("Confirm vendor work by hand…"),
        _("Confirm vendor work by hand"),
        _("Confirm by hand"),
        _("One note confirms what one vendor did in all of these cases. Check the vendor's own screen first."),
        _("A confirmation cannot be taken back: it stands as the proof of what was done."),
        _AttestForm,
    ),
    BulkDeed.SEARCHED: Words(
        _("Record a search that found nobody…"),
        _("Record: searched, none found"),
        _("Record the search"),
        _("One note says how one vendor was searched for all of these people, of whom none was found."),
        _("It cannot be taken back: it stands as the proof that nothing is held there."),
        _SearchedForm,
    ),
    BulkDeed.REPLY: Words(
        _("Record the reply…"),
        _("Record the reply in cases"),
        ngettext_lazy("Record the reply in %(count)s case", "Record the reply in %(count)s cases", "count"),
        _("Once each of these people has been answered. The time to reply ends with it; work at vendors goes on."),
        _("A recorded reply cannot be taken back."),
        _ReplyForm,
    ),
    BulkDeed.EXTEND: Words(
        _("Record an extension…"),
        _("Record an extension in cases"),
        ngettext_lazy("Record an extension in %(count)s case", "Record an extension in %(count)s cases", "count"),
        _("Once each of these people has been told that it takes longer, and why. The due dates move."),
        _("The time of a case can be extended once."),
        _ExtendForm,
    ),
    BulkDeed.SEND_ACKNOWLEDGEMENT: Words(
        _("Send the confirmation of receipt…"),
        _("Send confirmations of receipt"),
        ngettext_lazy("Send %(count)s letter", "Send %(count)s letters", "count"),
        _("Each of these people is told by e-mail that their request came in, in their language. It is recorded."),
        _("What was sent cannot be called back."),
    ),
    BulkDeed.SEND_COMPLETION: Words(
        _("Send the reply…"),
        _("Send replies"),
        ngettext_lazy("Send %(count)s letter", "Send %(count)s letters", "count"),
        _(
            "Each of these people is told by e-mail, in their language, what was done, what is under way and what "
            "could not be done. The time to reply ends with it; work at vendors goes on."
        ),
        _("What was sent cannot be called back. Look at one of these letters first, on the page of its case."),
    ),
    BulkDeed.HOLD: Words(
        _("Put on hold…"),
        _("Put cases on hold"),
        ngettext_lazy("Put %(count)s case on hold", "Put %(count)s cases on hold", "count"),
        _(
            "No further call is made for these cases, and their personal data is kept, until they are released. The "
            "time to reply runs on."
        ),
        form=_NoteForm,
    ),
    BulkDeed.RELEASE: Words(
        _("Release from hold…"),
        _("Release cases from hold"),
        ngettext_lazy("Release %(count)s case", "Release %(count)s cases", "count"),
        _("Calls are made again for these cases."),
        _("What was approved before the hold is sent. What is erased at a vendor cannot be brought back."),
        _NoteForm,
    ),
    BulkDeed.EXPORT: Words(
        _("Export…"),
        _("Export cases"),
        ngettext_lazy("Export %(count)s case", "Export %(count)s cases", "count"),
        _("The file holds nothing that names a person. Each download leaves an event in the trail."),
        form=ExportForm,
    ),
}


def form_of(job: BulkJob, data: Any = None) -> forms.Form:
    """What is filled in before the job's deed is done."""
    form = WORDS[job.deed].form(data)
    if isinstance(form, _VendorForm):
        form.offer(job.summary, everyone=isinstance(form, _RetryForm))
    return form
