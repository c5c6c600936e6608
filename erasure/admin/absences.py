"""Who is away and who stands in: recorded by everybody for themselves, by administrators for others."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erasure import absences
from erasure.models import Absence

from .shared import DeskPages, put_problems

FOR_OTHERS = "erasure.manage_absence"
WORKS = ("erasure.change_case", absences.APPROVES)  # who has something that a deputy could be told of
_FIELDS = {"/from_on": "from_on", "/until_on": "until_on", "/deputy": "deputy"}


class AbsenceForm(forms.ModelForm):
    person: Any = forms.ModelChoiceField(label=_("Who is away"), queryset=None, required=False)
    deputy: Any = forms.ModelChoiceField(
        label=_("Deputy"),
        queryset=None,
        help_text=_(
            "Is told of what the absent person would be told of. It gives them no right: they approve what they may "
            "approve themselves, and nothing that they opened or changed."
        ),
    )
    from_on = forms.DateField(label=_("First day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    until_on = forms.DateField(label=_("Last day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    user: Any = None  # who records it

    class Meta:
        model = Absence
        fields = ("person", "deputy", "from_on", "until_on")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = get_user_model()._default_manager.filter(is_staff=True, is_active=True).order_by("username")
        person: Any = self.fields["person"]
        person.queryset = people if self.user.has_perm(FOR_OTHERS) else people.filter(pk=self.user.pk)
        person.initial = self.user.pk
        deputy: Any = self.fields["deputy"]
        deputy.queryset = absences.approvers().order_by("username")

    def clean_person(self) -> Any:
        """Left empty: whoever it was, or oneself."""
        before = self.instance.person if self.instance.pk else self.user
        return self.cleaned_data["person"] or before

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors:
            put_problems(self, absences.wrong(Absence(pk=self.instance.pk, **given)), _FIELDS)
        return given


@admin.register(Absence)
class AbsencePages(DeskPages):
    place = 55
    form = AbsenceForm
    fields = ("person", "deputy", "from_on", "until_on")
    list_display = ("person", "from_on", "until_on", "deputy")
    list_select_related = ("person", "deputy")
    list_filter = ("from_on",)
    actions = None

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made = super().get_form(request, obj, change=change, **kwargs)
        return type("AbsenceForm", (made,), {"user": request.user})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return any(map(request.user.has_perm, (FOR_OTHERS, *WORKS)))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None or request.user.has_perm(FOR_OTHERS):
            return self.has_add_permission(request)
        return obj.person_id == request.user.pk and self.has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and self.has_change_permission(request, obj)

    def trail_of(self, item: Absence) -> dict[str, str]:
        return {"subject": f"absence:{item.pk}"}

    def save_model(self, request: HttpRequest, obj: Absence, form: Any, change: bool) -> None:
        absences.save(obj, by=request.user)

    def delete_model(self, request: HttpRequest, obj: Absence) -> None:
        absences.remove(obj, by=request.user)


def lines(user: Any) -> list[str]:
    """For whom the person stands in today, and who stands in for them; nothing if nobody is away."""
    found = []
    for absence in absences.running().filter(Q(person=user.pk) | Q(deputy=user.pk)):
        day = date_format(absence.until_on, "SHORT_DATE_FORMAT")
        if absence.deputy_id == user.pk:
            text = gettext("You stand in for %(person)s until %(day)s.")
            found.append(text % {"person": absence.person, "day": day})
        else:
            text = gettext("You are away until %(day)s: %(deputy)s stands in for you.")
            found.append(text % {"deputy": absence.deputy, "day": day})
    return found
