"""What is sealed opens where it was written for, and nowhere else: on the models as they are."""

import shutil
import uuid
from contextlib import suppress

import pytest
from django.apps import apps
from django.db import models

from compliance.staff.models import Authenticator
from compliance.vault import seal
from compliance.vault.models import DataKey
from compliance.vault.seal import Unreadable
from erasure import evidence, lifecycle
from erasure.evidence import File
from erasure.models import Evidence, Identifier, Note
from erasure.models.sealed import SealedModel
from tests.factories import approved_case, opened_case, person, vendor

pytestmark = pytest.mark.django_db

BINARY = [
    (model, field.name)
    for model in apps.get_models()
    for field in model._meta.concrete_fields
    if isinstance(field, models.BinaryField)
]
SEALED = [(model, name.removesuffix("_sealed")) for model, name in BINARY if issubclass(model, SealedModel)]


def test_whatever_holds_bytes_is_known_here():
    others = {f"{model._meta.label}.{name}" for model, name in BINARY if not issubclass(model, SealedModel)}
    assert others == {"vault.DataKey.wrapped", "staff.Authenticator.sealed_key", "audit.Anchor.receipt"}
    assert all(name.endswith("_sealed") for model, name in BINARY if issubclass(model, SealedModel))
    assert len(SEALED) > 10


@pytest.mark.parametrize(("model", "field"), SEALED, ids=lambda part: getattr(part, "__name__", part))
def test_a_sealed_field_opens_in_no_other_table_row_or_field(monkeypatch, model, field):
    key = seal.new_key()
    for other in {found for found, _field in SEALED}:
        monkeypatch.setattr(other, "_key", lambda _row: key)
    row = model(pk=uuid.uuid4())
    row.seal(field, "secret")
    sealed = getattr(row, f"{field}_sealed")
    assert row.unseal(field) == "secret"
    elsewhere = [(other(pk=pk), name) for other, name in SEALED for pk in (row.pk, uuid.uuid4())]
    opened = []
    for target, name in elsewhere:
        if (type(target), target.pk, name) == (model, row.pk, field):
            continue
        setattr(target, f"{name}_sealed", sealed)
        with suppress(Unreadable):
            opened.append(f"{target._meta.label}.{name}: {target.unseal(name)}")
    assert opened == []


def swap(model, first, second, *fields):
    """Exchanges columns of two rows behind the desk's back."""
    one, other = (model.objects.filter(pk=pk).values(*fields).get() for pk in (first, second))
    model.objects.filter(pk=first).update(**other)
    model.objects.filter(pk=second).update(**one)


def test_identifiers_and_notes_exchanged_in_the_database_do_not_open():
    vendor()
    case = opened_case(note="She called.")
    lifecycle.add_note(case, by=person("olive"), text="She called again.")
    for model, field in ((Identifier, "value"), (Note, "text")):
        first, second = model.objects.filter(case=case)
        swap(model, first.pk, second.pk, f"{field}_sealed")
        for row in model.objects.filter(case=case):
            with pytest.raises(Unreadable):
                row.unseal(field)


def test_a_field_exchanged_between_two_cases_does_not_open():
    vendor()
    first, second = (opened_case(requester={"name": name}) for name in ("Ada Lovelace", "Mary Somerville"))
    swap(type(first), first.pk, second.pk, "requester_sealed")
    for case in (first, second):
        case.refresh_from_db()
        with pytest.raises(Unreadable):
            case.unseal("requester")


def test_the_keys_of_two_cases_exchanged_open_neither():
    vendor()
    first, second = (opened_case(requester={"name": name}) for name in ("Ada Lovelace", "Mary Somerville"))
    swap(DataKey, first.data_key_id, second.data_key_id, "wrapped", "ring_key")
    for case in (first, second):
        case.data_key.refresh_from_db()
        with pytest.raises(Unreadable):
            case.unseal("requester")


def test_the_authenticators_of_two_people_exchanged_open_neither():
    first, second = (Authenticator.make(person(name)) for name in ("olive", "ada"))
    swap(Authenticator, first.pk, second.pk, "sealed_key")
    for row in Authenticator.objects.all():
        with pytest.raises(Unreadable):
            row.key()


def test_evidence_files_exchanged_in_the_folder_do_not_open(settings, tmp_path):
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    vendor("Paper archive", "manual")
    olive = person("olive")
    for name in ("first", "second"):
        case = approved_case(identifiers=[("email", f"{name}@example.org")])
        file = File(f"{name}.pdf", f"%PDF of the {name}".encode())
        lifecycle.attest(case.sub_tasks.get(), by=olive, note="Done.", file=file)
    first, second = Evidence.objects.all()
    with evidence.open_evidence(first) as stream:
        assert stream.read() == b"%PDF of the first"
    one, other = evidence.path_of(first), evidence.path_of(second)
    shutil.move(one, tmp_path / "aside")
    shutil.move(other, one)
    shutil.move(tmp_path / "aside", other)
    for item in (first, second):
        with pytest.raises(Unreadable):
            evidence.open_evidence(item)
