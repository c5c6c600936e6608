"""Every option and credential of every connector is explained where it is set."""

import dataclasses

import pytest

from erasure.admin.vendor_form import CREDENTIAL, OPTION, VendorForm
from erasure.connectors import REGISTRY

OPTIONS = [(key, item) for key, cls in REGISTRY.items() for item in dataclasses.fields(cls.Options)]
CREDENTIALS = [(key, item) for key, cls in REGISTRY.items() for item in dataclasses.fields(cls.Credentials)]


def named(pair):
    return f"{pair[0]}.{pair[1].name}"


def section(form, name):
    return next(str(heading) for heading, _text, fields in form.sections() if name in [field.name for field in fields])


@pytest.mark.parametrize("pair", [*OPTIONS, *CREDENTIALS], ids=named)
def test_each_says_what_it_does_in_words_of_its_own(pair):
    _key, item = pair
    assert len(str(item.metadata["help"])) > 20, "no help"
    assert str(item.metadata["label"]) != item.name


@pytest.mark.parametrize("pair", OPTIONS, ids=named)
def test_each_option_says_its_default_its_term_and_whether_plans_hang_on_it(pair):
    key, item = pair
    form = VendorForm(connector=key)
    field = form.fields[OPTION + item.name]
    required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    assert ("It has to be set." if required else "Default: ") in str(field.help_text)
    if item.metadata["term"]:
        assert f"The vendor calls it “{item.metadata['term']}”." in str(field.help_text)
    bound = item.metadata["effect"]
    wanted = "What is done at the vendor" if bound else "What is kept, and how it is followed"
    assert section(form, OPTION + item.name) == wanted


@pytest.mark.parametrize("key", REGISTRY)
def test_every_field_of_the_form_has_a_help_text_and_stands_in_one_section(key):
    form = VendorForm(connector=key)
    shown = [field.name for _heading, _text, fields in form.sections() for field in fields]
    assert sorted(shown) == sorted(form.fields)
    assert [name for name, field in form.fields.items() if not str(field.help_text).strip()] == []
    assert any(name.startswith(CREDENTIAL) for name in shown) == bool(dataclasses.fields(REGISTRY[key].Credentials))
