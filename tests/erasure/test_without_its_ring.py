"""The database alone tells nothing; and once a ring key is destroyed, neither does an old backup with today's ring."""

import hashlib
import hmac
import json
import sqlite3
import uuid
from contextlib import closing

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection

from compliance.audit import bundle
from compliance.audit.seal import seal as seal_trail
from compliance.staff.models import Authenticator
from compliance.vault import keys, rotation, seal
from compliance.vault.keys import ring
from compliance.vault.models import DataKey
from compliance.vault.seal import Unreadable
from erasure import finding, lifecycle
from erasure.management.commands import work
from erasure.models import Case, Identifier
from erasure.models.sealed import SealedModel
from erasure.normalise import normalise
from tests.compliance.audit.whole import hold_together
from tests.factories import approved_case, opened_case, person, vendor

BY = {"actor": "system:test"}
EMAIL = "ada@example.org"


@pytest.fixture
def case(own_ring, transactional_db):
    """A case with all that can be sealed in it, beside another one, on a desk with vendors and people."""
    vendor(), vendor("Paper archive", "manual")
    Authenticator.make(person("olive", "intake"))
    opened_case(requester={"name": "Mary Somerville"}, identifiers=[("email", "mary@example.org")], note="She wrote.")
    requester = {"name": "Ada Lovelace", "reply_to": EMAIL}
    made = approved_case(requester=requester, external_id="crm-991", note="She called.")
    lifecycle.reply(made, by=person("olive"), channel="email", note="Told.")
    return made


def sealed_values(*, not_of=None):
    """Everything sealed in the database, as (row, field); without what a data key has sealed."""
    for model in apps.get_models():
        if not issubclass(model, SealedModel):
            continue
        names = [field.name for field in model._meta.concrete_fields if field.name.endswith("_sealed")]
        for row in model._default_manager.all():
            for name in names:
                if getattr(row, name) is not None and row._key().pk != not_of:
                    yield row, name.removesuffix("_sealed")


def opened():
    """The places of whatever opens."""
    found = []
    for row, field in sealed_values():
        try:
            row.unseal(field)
        except (Unreadable, ImproperlyConfigured):
            continue
        found.append(f"{row._meta.label}.{field}")
    return found


def test_without_a_ring_and_with_another_desks_ring_nothing_opens(case, own_ring):
    everything = opened()
    assert len(everything) > 8
    ours = own_ring.read_bytes()
    own_ring.unlink()
    assert opened() == []
    keys._create(own_ring)
    assert opened() == []
    assert rotation.problem()
    foreign = json.loads(own_ring.read_text())
    (only,) = foreign["keys"].values()
    foreign["keys"] = dict.fromkeys(DataKey.objects.values_list("ring_key", flat=True), only)
    foreign["active"] = next(iter(foreign["keys"]))
    own_ring.write_text(json.dumps(foreign))
    assert opened() == [], "nor under the names of our keys"
    assert rotation.problem()
    own_ring.write_bytes(ours)
    assert opened() == everything


def test_a_fingerprint_can_be_worked_out_and_searched_for_with_the_ring_alone(case, own_ring, settings):
    stored = set(Identifier.objects.values_list("fingerprint", flat=True))
    stored |= set(Case.objects.values_list("external_id_fingerprint", flat=True))
    match = normalise("email", EMAIL).match
    assert seal.fingerprint("email", match) in stored
    assert finding.find_anywhere(EMAIL, ["email"])
    text = f"email\0{match}".encode()
    known = [b"", settings.SECRET_KEY.encode(), b"email", *(row.pk.bytes for row in DataKey.objects.all())]
    known += [ring_key.encode() for ring_key in ring().keys]
    guesses = {hmac.new(key, said, hashlib.sha256).hexdigest() for key in known for said in (text, match.encode())}
    guesses |= {hashlib.sha256(said).hexdigest() for said in (text, match.encode(), b"email" + match.encode())}
    assert not guesses & stored
    own_ring.unlink()
    keys._create(own_ring)
    assert seal.fingerprint("email", match) not in stored
    assert finding.find_anywhere(EMAIL, ["email"]) == {}


def backup(folder):
    """The data keys in a copy of the database as it is now: of the file, or of a dump."""
    if connection.vendor != "sqlite":
        with connection.cursor() as cursor, cursor.copy("COPY vault_datakey TO STDOUT") as dump:
            (folder / "dump").write_bytes(b"".join(bytes(part) for part in dump))
        columns = [line.split("\t") for line in (folder / "dump").read_text().splitlines()]
        rows = [(row[0], row[1], bytes.fromhex(row[2].removeprefix("\\\\x"))) for row in columns]
    else:
        file = str(folder / "copy.sqlite3")
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as live, closing(sqlite3.connect(file)) as copy:
            live.backup(copy)
        with closing(sqlite3.connect(file)) as copy:
            rows = copy.execute("SELECT id, ring_key, wrapped FROM vault_datakey").fetchall()
    return [DataKey(id=uuid.UUID(key_id), ring_key=ring_key, wrapped=wrapped) for key_id, ring_key, wrapped in rows]


def opens(key):
    try:
        return bool(seal.open_wrapped(ring(), key))
    except (Unreadable, ImproperlyConfigured):
        return False


def opens_by_force(key):
    """Whether any key of today's ring opens it, whatever the row and the ring call it."""
    wrapped = bytes(key.wrapped)
    associated = f"vault_datakey|{key.pk}|wrapped".encode()
    for secret in [*ring().keys.values(), ring().index_key]:
        try:
            AESGCM(secret).decrypt(wrapped[1:13], wrapped[13:], associated)
            return True
        except InvalidTag:
            continue
    return False


def test_after_retirement_an_old_backup_does_not_open_with_todays_ring_and_the_desk_goes_on(case, own_ring, tmp_path):
    old = backup(tmp_path)
    assert case.data_key_id in [key.pk for key in old]
    seal.destroy(case.data_key)
    assert all(opens(key) and opens_by_force(key) for key in old), "destroyed here, it lives on in the backup"
    assert rotation.readable_in_backups_until(case.data_key).readable

    call_command("keys", "rotate", "--retire", "--no-input", verbosity=0)
    assert not any(opens(key) or opens_by_force(key) for key in old)
    assert not rotation.readable_in_backups_until(case.data_key).readable

    living = list(sealed_values(not_of=case.data_key_id))
    assert len(living) > 3
    for row, field in living:
        row.unseal(field)
    gone = [row for row, _field in sealed_values() if row._key().pk == case.data_key_id]
    assert gone, "the rows are there"
    for row, field in sealed_values():
        if row in gone:
            with pytest.raises(Unreadable, match="destroyed on purpose"):
                row.unseal(field)
    assert rotation.problem() is None

    seal_trail()
    hold_together()
    file, public = tmp_path / "trail.csv", tmp_path / "key.txt"
    call_command("export_audit", "--out", str(file))
    public.write_text(bundle.public_keys())
    call_command("verify_audit", str(file), "--public-key", str(public))
    assert "vault.key_retired" in file.read_text()


def test_an_old_database_put_in_the_place_of_todays_says_why_it_is_not_worked_on(case, tmp_path, monkeypatch):
    old = backup(tmp_path)
    seal.destroy(case.data_key)
    rotation.rotate(**BY)
    rotation.retire(**BY)
    for key in old:
        DataKey.objects.filter(pk=key.pk).update(ring_key=key.ring_key, wrapped=key.wrapped, destroyed_at=None)
    assert opened() == []
    assert "old backup" in (rotation.problem() or "")
    monkeypatch.setattr(work, "end_orphans", lambda: None)
    with pytest.raises(CommandError, match=r"^KEY_RING: .*old backup.*No worker was started\.$"):
        call_command("work")
