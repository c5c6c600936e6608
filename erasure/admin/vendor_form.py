"""The form of a vendor account, made from its connector's Options and Credentials."""

import dataclasses
from typing import Any, get_type_hints

from django import forms
from django.utils.translation import gettext_lazy as _

from compliance.vault.seal import Unreadable
from erasure.connectors import REGISTRY
from erasure.models import Vendor
from erasure.vendors import PACE

OPTION, CREDENTIAL = "option_", "credential_"
#: Credentials that are no secret while they are typed.
NAMES = {"username"}
_HIDDEN = {"autocomplete": "new-password", "size": 40}


class ConnectorForm(forms.Form):
    connector = forms.ChoiceField(label=_("Connector"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["connector"].choices = [(key, cls.label) for key, cls in REGISTRY.items()]  # type: ignore[attr-defined]


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

    Credentials are write-only: their fields are always empty, and empty means that what is stored stays."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Such as “Apptus — shop EU”. It cannot change.")
    )
    enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)
    base_url = forms.CharField(
        label=_("Base address"),
        max_length=500,
        widget=forms.TextInput({"class": "vLargeTextField"}),
        help_text=_("Where the vendor's API is. The host must be in the setting VENDOR_HOSTS."),
    )

    def __init__(self, *args: Any, connector: str, vendor: Vendor | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connector, self.vendor, self._class = connector, vendor, REGISTRY[connector]
        if self._class.by_hand:
            del self.fields["base_url"]
        self._make_options()
        self._make_credentials()
        for name in PACE if not self._class.by_hand else ():
            model = Vendor._meta.get_field(name)
            lowest = 0 if name == "gather_seconds" else 1
            self.fields[name] = forms.IntegerField(
                label=str(model.verbose_name).capitalize(),  # type: ignore[union-attr]
                min_value=lowest,
                initial=model.default,  # type: ignore[union-attr]
            )
        if vendor:
            self.fields["name"].disabled = True
            self.initial.update({name: getattr(vendor, name) for name in ("name", "enabled", "base_url", *PACE)})
            self.initial.update({OPTION + name: value for name, value in vendor.options.items()})

    def _make_options(self) -> None:
        types = get_type_hints(self._class.Options)
        for item in dataclasses.fields(self._class.Options):
            default = None if item.default is dataclasses.MISSING else item.default
            if item.default_factory is not dataclasses.MISSING:
                default = item.default_factory()
            self.fields[OPTION + item.name] = _option_field(item, types[item.name], default)

    def _make_credentials(self) -> None:
        stored = self._stored_credentials()
        for item in dataclasses.fields(self._class.Credentials):
            kept = _("A value is stored. Leave it empty to keep it.") if item.name in stored else _("None is stored.")
            self.fields[CREDENTIAL + item.name] = forms.CharField(
                label=item.metadata.get("label", item.name),
                required=False,
                strip=False,
                help_text=f"{item.metadata.get('help') or ''} {kept if self.vendor else ''}".strip(),
                widget=WriteOnly() if item.name in NAMES else forms.PasswordInput(_HIDDEN, render_value=False),
            )

    def _stored_credentials(self) -> set[str]:
        """The names of credentials that hold a value."""
        if self.vendor is None:
            return set()
        try:
            return {name for name, value in (self.vendor.unseal("credentials") or {}).items() if value}
        except Unreadable:
            return set()

    def sections(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """Heading → fields, in the order of the page."""
        options = [self[name] for name in self.fields if name.startswith(OPTION)]
        credentials = [self[name] for name in self.fields if name.startswith(CREDENTIAL)]
        pace = [self[name] for name in PACE if name in self.fields]
        account = [self[name] for name in ("name", "base_url", "enabled") if name in self.fields]
        parts = [(_("Account"), account), (_("Options"), options), (_("Credentials"), credentials), (_("Pace"), pace)]
        return [(heading, fields) for heading, fields in parts if fields]

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
        typed = {name: value for name, value in self._group(CREDENTIAL).items() if value}
        values |= {"credentials": typed} if typed else {}
        return values | ({"base_url": given["base_url"]} if "base_url" in given else {})

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


def _option_field(item: Any, wanted: Any, default: Any) -> forms.Field:
    """The form field of one option. What it may hold is checked by the connector's own `parse`."""
    metadata = item.metadata
    shared: dict[str, Any] = {
        "label": metadata.get("label", item.name),
        "help_text": metadata.get("help", ""),
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
        return forms.ChoiceField(**shared, choices=[(choice, choice) for choice in metadata["choices"]])
    return forms.CharField(**shared, widget=forms.TextInput({"size": 60}))
