"""The form of a vendor account, made from its connector's Options and Credentials."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, get_type_hints

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from compliance.vault.seal import Unreadable
from erasure.changes import PACE
from erasure.connectors import REGISTRY
from erasure.models import Vendor
from erasure.vendors import PACE_BOUNDS, home_of, may_have_home

OPTION, CREDENTIAL, REMOVE = "option_", "credential_", "remove_"
#: Credentials that are no secret while they are typed.
NAMES = {"username"}
_HIDDEN = {"autocomplete": "new-password", "size": 40}


class WriteOnly(forms.TextInput):
    """Shows what is typed and, like a password's field, never what was sent."""

    def __init__(self) -> None:
        super().__init__({"autocomplete": "off", "spellcheck": "false", "size": 40})

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


class KindsField(forms.CharField):
    """Identifier kinds, separated by commas or spaces."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").replace(",", " ").split()


class NamesField(forms.CharField):
    """A line for each identifier kind: `kind = the vendor's name`."""

    widget = forms.Textarea({"rows": 4, "cols": 40})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{kind} = {name}" for kind, name in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        names = {}
        for line in (super().to_python(value) or "").splitlines():
            kind, sign, name = (part.strip() for part in line.partition("="))
            if not line.strip():
                continue
            if not (kind and sign and name):
                raise forms.ValidationError(_("Write one line for each kind, such as: cookie_id = cookieId"))
            names[kind] = name
        return names


class VendorForm(forms.Form):
    """`connector` is a key of the registry; `vendor` the stored account, None for a new one.

    Credentials are write-only: their fields are always empty, and empty means that what is stored stays, unless it is
    ticked to be removed. An address that follows from the options is not repeated in its field."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Such as “Apptus — shop EU”. It cannot change.")
    )
    enabled = forms.BooleanField(
        label=_("Enabled"),
        required=False,
        initial=True,
        help_text=_(
            "An account that is not enabled stands in no new plan, and nothing is sent with it: work that was approved "
            "before waits until it is enabled again, and the time to reply runs on."
        ),
    )
    base_url = forms.CharField(
        label=_("Base address"),
        max_length=500,
        widget=forms.TextInput({"class": "vLargeTextField"}),
        help_text=_(
            "Where the vendor's API is, such as https://api.vendor.example. Its host must be in the setting "
            "VENDOR_HOSTS."
        ),
    )

    def __init__(self, *args: Any, connector: str, vendor: Vendor | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connector, self.vendor, self._class = connector, vendor, REGISTRY[connector]
        self._binding: list[str] = []
        self._free: list[str] = []
        if self._class.by_hand:
            del self.fields["base_url"]
        elif may_have_home(self._class):
            base_url = self.fields["base_url"]
            base_url.required = False
            empty = _("Leave it empty for the one that the options give.")
            base_url.help_text = f"{base_url.help_text} {empty}"
        self._make_options()
        self._make_credentials()
        for name in PACE if not self._class.by_hand else ():
            model: Any = Vendor._meta.get_field(name)
            lowest, _highest = PACE_BOUNDS.get(name, (1, None))
            label = capfirst(model.verbose_name)
            initial = self._class.calls_per_week if name == "calls_per_week" else model.default
            self.fields[name] = forms.IntegerField(
                label=label, min_value=lowest, initial=initial, help_text=_PACE_HELP[name]
            )
        if vendor:
            self.fields["name"].disabled = True
            self.initial.update({name: getattr(vendor, name) for name in ("name", "enabled", "base_url", *PACE)})
            self.initial.update({OPTION + name: value for name, value in vendor.options.items()})
            if vendor.base_url == home_of(self._class, vendor.options):
                self.initial["base_url"] = ""
        for name, field in self.fields.items():
            if name.endswith("_seconds"):
                told = _span(self.initial.get(name, field.initial))
                field.help_text = " ".join(filter(None, (str(field.help_text), told)))

    def _make_options(self) -> None:
        types = get_type_hints(self._class.Options)
        for item in dataclasses.fields(self._class.Options):
            default = None if item.default is dataclasses.MISSING else item.default
            if item.default_factory is not dataclasses.MISSING:
                default = item.default_factory()
            self.fields[OPTION + item.name] = _option_field(item, types[item.name], default)
            (self._binding if item.metadata.get("effect", True) else self._free).append(OPTION + item.name)

    def _make_credentials(self) -> None:
        stored = self._stored_credentials()
        for item in dataclasses.fields(self._class.Credentials):
            kept = gettext("None is stored.")
            if item.name in stored:
                kept = gettext("A value is stored. Leave it empty to keep it.")
            self.fields[CREDENTIAL + item.name] = forms.CharField(
                label=item.metadata.get("label", item.name),
                required=False,
                strip=False,
                help_text=" ".join(filter(None, (*_explained(item.metadata), kept if self.vendor else ""))),
                widget=WriteOnly() if item.name in NAMES else forms.PasswordInput(_HIDDEN, render_value=False),
            )
            if item.name in stored:
                label = gettext("Remove what is stored: %(name)s") % {"name": self.fields[CREDENTIAL + item.name].label}
                self.fields[REMOVE + item.name] = forms.BooleanField(label=label, required=False)

    def _stored_credentials(self) -> set[str]:
        """The names of credentials that hold a value."""
        if self.vendor is None:
            return set()
        try:
            return {name for name, value in (self.vendor.unseal("credentials") or {}).items() if value}
        except Unreadable:
            return set()

    def sections(self) -> list[tuple[Any, Any, list[forms.BoundField]]]:
        """Heading, what holds for all of it, and the fields, in the order of the page."""
        credentials = [name for name in self.fields if name.startswith((CREDENTIAL, REMOVE))]
        parts = [
            (_("Account"), "", ["name", "base_url", "enabled"]),
            (_("What is done at the vendor"), _BINDING, self._binding),
            (_("What is kept, and how it is followed"), _FREE, self._free),
            (_("Credentials"), _SECRET, credentials),
            (_("Pace"), _PACE, list(PACE)),
        ]
        shown = [(head, text, [self[name] for name in names if name in self.fields]) for head, text, names in parts]
        return [part for part in shown if part[2]]

    def clean(self) -> None:
        for name in self._removed():
            if self.cleaned_data.get(CREDENTIAL + name):
                self.add_error(CREDENTIAL + name, _("Enter a new one or have it removed, not both."))

    def _removed(self) -> list[str]:
        return [name for name, ticked in self._group(REMOVE).items() if ticked]

    def values(self) -> dict[str, Any]:
        """An entry as `vendors.save` takes it."""
        given = self.cleaned_data
        values: dict[str, Any] = {
            "name": given["name"],
            "connector": self.connector,
            "enabled": given["enabled"],
            "options": self._group(OPTION),
            "pace": {name: given[name] for name in PACE if name in given},
        }
        typed = dict.fromkeys(self._removed(), "")
        typed |= {name: value for name, value in self._group(CREDENTIAL).items() if value}
        values |= {"credentials": typed} if typed else {}
        return values | ({"base_url": given["base_url"]} if "base_url" in given else {})

    def touches_keys(self) -> bool:
        """Whether credentials are entered or removed. They must be, too, where the address moves to another server."""
        return "credentials" in self.values()

    def _group(self, prefix: str) -> dict[str, Any]:
        return {
            name.removeprefix(prefix): value for name, value in self.cleaned_data.items() if name.startswith(prefix)
        }

    def pointers(self) -> dict[str, str]:
        """The JSON pointers of `vendors.save` → the fields here."""
        found = {f"/{name}": name for name in ("name", "base_url", "enabled")} | {
            f"/pace/{name}": name for name in PACE
        }
        for prefix, at in ((OPTION, "/options/"), (CREDENTIAL, "/credentials/")):
            names = [name for name in self.fields if name.startswith(prefix)]
            found |= {at + name.removeprefix(prefix): name for name in names}
            found |= {at.rstrip("/"): names[0]} if names else {}
        return found

    def in_words(self, text: str) -> str:
        """A complaint with the fields' labels in place of their names, where a name is no ordinary word."""
        for name, field in self.fields.items():
            plain = name.removeprefix(OPTION)
            if "_" in plain:
                text = re.sub(rf"\b{plain}\b", f"“{field.label}”", text)
        return text


def _span(seconds: Any) -> str:
    """That so many seconds are so many days, hours or minutes; empty where that says no more."""
    if isinstance(seconds, int) and seconds > 0:
        for size, words in (
            (86_400, lambda n: ngettext("%d day", "%d days", n)),
            (3_600, lambda n: ngettext("%d hour", "%d hours", n)),
            (60, lambda n: ngettext("%d minute", "%d minutes", n)),
        ):
            number, rest = divmod(seconds, size)
            if number and not rest:
                return gettext("%(seconds)s seconds are %(time)s.") % {
                    "seconds": seconds,
                    "time": words(number) % number,
                }
    return ""


_BINDING = _(
    "With the address, these are part of what people approve. Change one, and every plan of this account that awaits "
    "approval must be read again, and approved work stops before its next call."
)
_FREE = _("These change nothing that is done at the vendor: a change takes effect at once, and no plan with it.")
_SECRET = _(
    "Stored sealed and never shown again. To enter new ones changes no plan; an account that is paused because of them "
    "goes on by itself."
)
_PACE = _("How fast and how often the desk calls. A change takes effect at once, and no plan changes with it.")
_PACE_HELP = {
    "first_poll_seconds": _("After an order was given, the vendor is first asked so much later whether it is done."),
    "max_poll_seconds": _("The time between two questions doubles up to this."),
    "calls_per_minute": _("No more than so many, over all workers. What is due beyond that waits."),
    "calls_per_week": _("The vendor's quota, counted over the last seven days. 0: none."),
    "parallel_calls": _("So many calls may be under way at the same time, over all workers."),
    "gather_seconds": _(
        "What could share a call waits up to so long for other cases. 0: it does not wait. Only for a connector that "
        "sends many identifiers in a call."
    ),
}


def _explained(metadata: Mapping[str, Any]) -> list[str]:
    """What an option or a credential does, and what the vendor calls it."""
    term = metadata.get("term")
    return [
        str(metadata.get("help") or ""),
        gettext("The vendor calls it “%(term)s”.") % {"term": term} if term else "",
    ]


def _default(item: Any, value: Any) -> str:
    """What an option is unless somebody sets it."""
    if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
        return gettext("It has to be set.")
    if isinstance(value, bool):
        value = gettext("on") if value else gettext("off")
    elif isinstance(value, tuple):
        value = ", ".join(value)
    elif value in ("", {}):
        value = gettext("none")
    return gettext("Default: %(value)s.") % {"value": value}


def _choice(code: str, words: Any) -> Any:
    """A choice as people read it: its code and what it means."""
    return f"{code} – {words}" if code and words else words or code


def _option_field(item: Any, wanted: Any, default: Any) -> forms.Field:
    """The form field of one option. What it may hold is checked by the connector's own `parse`."""
    metadata = item.metadata
    shared: dict[str, Any] = {
        "label": metadata.get("label", item.name),
        "help_text": " ".join(filter(None, (*_explained(metadata), _default(item, default)))),
        "initial": default,
        "required": item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING,
    }
    if wanted is bool:
        return forms.BooleanField(**{**shared, "required": False})
    if wanted is int:
        bounds = {"min_value": metadata.get("minimum"), "max_value": metadata.get("maximum")}
        return forms.IntegerField(**{**shared, "required": True}, **bounds)
    if wanted == tuple[str, ...]:
        return KindsField(**shared)
    if wanted == dict[str, str]:
        return NamesField(**shared)
    if metadata.get("choices"):
        return forms.ChoiceField(
            **shared, choices=[(code, _choice(code, metadata["words"].get(code))) for code in metadata["choices"]]
        )
    return forms.CharField(**shared, widget=forms.TextInput({"size": 60}))
