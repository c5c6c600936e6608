"""The forms of the case pages. They shape what was typed; what is right is decided by intake and lifecycle."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from phonenumbers import SUPPORTED_REGIONS

from compliance import clock
from erasure.connectors.base import BadSettings
from erasure.intake import Opening
from erasure.lifecycle.shared import MAX_NOTE
from erasure.models import Case, Vendor
from erasure.normalise import KNOWN_KINDS, mask
from erasure.states import (
    Channel,
    Ground,
    Kind,
    Regime,
)

EMPTY_ROWS = 5
NO_CHOICE: list[tuple[str, Any]] = [("", "---------")]


def identifier_kinds(enabled: Iterable[Vendor] | None = None) -> list[tuple[str, str]]:
    """The kinds a desk knows, and those that an enabled vendor account maps to a name of its own (`enabled`, where
    these are fetched already)."""
    kinds = dict.fromkeys(KNOWN_KINDS)
    for vendor in Vendor.objects.filter(enabled=True) if enabled is None else enabled:
        try:
            kinds |= dict.fromkeys(vendor.speaks().accepts)
        except BadSettings:
            continue
    return [(kind, kind.replace("_", " ")) for kind in kinds]


def people(present: Any = None) -> QuerySet[Any]:
    """Accounts that can look after a case: people who can sign in, see cases, and open or approve them. `present` (an
    account's number) stays among them, whatever has become of it."""
    users = get_user_model()._default_manager

    def may(permission: str) -> Q:
        return Q(pk__in=users.with_perm(permission).values("pk"))

    person = Q(is_active=True, is_staff=True, is_service=False)
    works = may("erasure.view_case") & (may("erasure.open_case") | may("erasure.approve_case"))
    return users.filter(person & works | Q(pk=present)).order_by("username")


@cache
def countries() -> list[tuple[str, str]]:
    """Codes and English names (ISO 3166), by name."""
    # Here, because its package takes 100 MB of memory, which no command and no worker has a use for.
    from phonenumbers.geodata.locale import LOCALE_DATA

    named = []
    for code in SUPPORTED_REGIONS:
        names = LOCALE_DATA.get(code, {})
        name = names.get("en", "")
        name = names.get(name.removeprefix("*"), "") if name.startswith("*") else name
        named.append((code, f"{name} ({code})" if name else code))
    return sorted(named, key=lambda pair: pair[1])


class OneLine(forms.Textarea):
    """A box of one row. An input of type text would turn a pasted line break into a space, and so into another
    identifier; here it arrives, and is refused in words."""

    def __init__(self) -> None:
        super().__init__(
            {"rows": 1, "cols": 50, "class": "desk-one-line", "autocomplete": "off", "spellcheck": "false"}
        )


class NoteField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Note"))
        kwargs.setdefault("required", False)
        super().__init__(max_length=MAX_NOTE, widget=forms.Textarea({"rows": 2, "cols": 60}), **kwargs)


class OpeningForm(forms.Form):
    """What is known of a request when it comes in."""

    kind = forms.ChoiceField(label=_("Request type"), choices=Kind.choices)
    regime = forms.ChoiceField(label=_("Law"), choices=Regime.choices)
    country = forms.ChoiceField(label=_("Country"), required=False)
    subdivision = forms.CharField(
        label=_("State or region"),
        required=False,
        max_length=10,
        help_text=_("Its short form, such as BY. Country and region choose the public holidays."),
    )
    ground = forms.ChoiceField(label=_("Reason"), choices=Ground.choices)
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)
    received_at = forms.DateTimeField(
        label=_("Received"),
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("In the desk's time zone. The time to reply is counted from this day."),
    )
    name = forms.CharField(label=_("Name"), required=False, max_length=200, widget=forms.TextInput({"size": 50}))
    reply_to = forms.CharField(
        label=_("Reply address"), required=False, max_length=320, widget=forms.TextInput({"size": 50})
    )
    language = forms.CharField(
        label=_("Language"),
        required=False,
        max_length=35,
        help_text=_("The language of the reply, such as de or German."),
    )
    acting_for = forms.CharField(
        label=_("Acting for"), required=False, max_length=200, widget=forms.TextInput({"size": 50})
    )
    external_id = forms.CharField(
        label=_("External id"),
        required=False,
        max_length=200,
        strip=False,
        help_text=_("The number this request has elsewhere."),
    )
    vendors = forms.MultipleChoiceField(
        label=_("Vendors"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: every enabled vendor account."),
    )
    handler: Any = forms.ModelChoiceField(label=_("Handler"), queryset=None, required=False)
    note = NoteField()

    #: Heading → its fields, in the order of the page.
    sections: tuple[tuple[Any, tuple[str, ...]], ...] = (
        (_("Request"), ("kind", "regime", "country", "subdivision", "ground", "channel", "received_at", "external_id")),
        (_("Requester"), ("name", "reply_to", "language", "acting_for")),
        (_("Handling"), ("vendors", "handler", "note")),
    )
    requester = ("name", "reply_to", "language", "acting_for")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = [*NO_CHOICE, *countries()]  # type: ignore[attr-defined]
        self.fields["received_at"].initial = clock.now
        vendors = Vendor.objects.filter(enabled=True)
        self.fields["vendors"].choices = [(vendor.slug, vendor.name) for vendor in vendors]  # type: ignore[attr-defined]
        self.fields["handler"].queryset = people()  # type: ignore[attr-defined]

    def by_section(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """Heading → fields, in the order of the page."""
        return [(heading, [self[name] for name in names]) for heading, names in self.sections]

    def opening(self, identifiers: list[tuple[str, str]]) -> Opening:
        """The form as intake takes it."""
        given = self.cleaned_data
        return Opening(
            identifiers=identifiers,
            requester={name: given[name] for name in self.requester if given[name]},
            **{name: given[name] for name in given if name not in self.requester},
        )

    def pointers(self) -> dict[str, str]:
        """Intake's JSON pointers → the fields here."""
        found = {f"/{name}": name for name in self.fields if name not in self.requester}
        found |= {f"/requester/{name}": name for name in self.requester}
        return found | {f"/vendors/{number}": "vendors" for number in range(len(self.cleaned_data.get("vendors", ())))}


class AmendForm(OpeningForm):
    """What may still be changed of a draft. Its identifiers have their own buttons; the external id stays.

    What is known of the requester is not shown here (that takes a reason, see `erasure.reveal`): an empty box keeps
    it."""

    REMOVED = "-"

    external_id = None  # type: ignore[assignment]
    note = None  # type: ignore[assignment]
    sections = (
        (_("Request"), ("kind", "regime", "country", "subdivision", "ground", "channel", "received_at")),
        (_("Requester"), OpeningForm.requester),
        (_("Handling"), ("vendors", "handler")),
    )

    def __init__(self, *args: Any, case: Case, **kwargs: Any) -> None:
        """Raises `vault.Unreadable` when the requester cannot be opened."""
        facts = ("kind", "regime", "country", "subdivision", "ground", "channel", "received_at", "handler")
        chosen = list(case.vendors.all())
        initial: dict[str, Any] = {name: getattr(case, name) for name in facts}
        initial |= {"vendors": [vendor.slug for vendor in chosen]}
        super().__init__(*args, initial=initial, **kwargs)
        self.case, self._known = case, case.unseal("requester") or {}
        for name, text in self._known.items():
            shown = mask("email" if "@" in text else "", text)
            help_text = _("%(shown)s is known. Leave it empty to keep that; a single - removes it.") % {"shown": shown}
            self.fields[name].help_text = help_text
        self.fields["handler"].queryset = people(case.handler_id)  # type: ignore[attr-defined]
        for name, kept in (
            ("country", [(case.country, case.country)] if case.country else []),
            ("vendors", [(vendor.slug, vendor.name) for vendor in chosen]),
        ):
            field: Any = self.fields[name]
            offered = dict(field.choices)
            field.choices = [*field.choices, *((value, label) for value, label in kept if value not in offered)]

    def clean(self) -> dict[str, Any]:
        for name in self.requester:
            typed = self.cleaned_data.get(name) or self._known.get(name, "")
            self.cleaned_data[name] = "" if typed == self.REMOVED else typed
        return self.cleaned_data

    def clean_received_at(self) -> Any:
        """The box has no seconds: what was not touched stays to the second."""
        given, was = self.cleaned_data["received_at"], self.case.received_at
        return was if given == was.replace(second=0, microsecond=0) else given


class IdentifierForm(forms.Form):
    """One identifier. A row without a value is an empty row."""

    kind = forms.CharField(label=_("Kind"), widget=forms.Select)
    value = forms.CharField(label=_("Value"), strip=False, widget=OneLine)

    def __init__(self, *args: Any, kinds: list[tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].widget.choices = identifier_kinds() if kinds is None else kinds
        self.fields["kind"].initial = KNOWN_KINDS[0]

    def has_changed(self) -> bool:
        return bool(self["value"].data)


class _Rows(forms.BaseFormSet):
    def filled(self) -> list[tuple[int, tuple[str, str]]]:
        """The rows that hold an identifier, each with its number on the page."""
        rows = ((number, form.cleaned_data) for number, form in enumerate(self.forms) if form.has_changed())
        return [(number, (row["kind"], row["value"])) for number, row in rows]

    def put_problems(self, problems: list[tuple[str, str]], numbers: list[int]) -> list[tuple[str, str]]:
        """Puts intake's problems at their rows; `numbers` are the rows that were handed to it. Returns the others."""
        others = []
        for pointer, text in problems:
            match pointer.split("/"):
                case ["", "identifiers", number, field] if number.isdigit() and int(number) < len(numbers):
                    self.forms[numbers[int(number)]].add_error(field, text)
                case _:
                    others.append((pointer, text))
        return others


IdentifierRows = forms.formset_factory(IdentifierForm, formset=_Rows, extra=EMPTY_ROWS, max_num=500)


class FindForm(forms.Form):
    """Looks a person up. It is posted: nothing personal may stand in an address."""

    kind = forms.ChoiceField(label=_("Look for"))
    value = forms.CharField(label=_("Exact text"), strip=False, widget=OneLine)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [*identifier_kinds(), (self.EXTERNAL, _("external id"))]  # type: ignore[attr-defined]

    EXTERNAL = "external id"  # no identifier kind holds a space
