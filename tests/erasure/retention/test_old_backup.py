"""An old backup of a destroyed case: today's ring opens it until the key of the ring goes, and nothing of it after."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from compliance.vault import rotation, shredded
from compliance.vault.models import DataKey
from compliance.vault.seal import Unreadable
from erasure import evidence, lifecycle, retention
from erasure.models import Case, Evidence, Identifier, Note
from erasure.retention.destroying import sealed_fields
from tests.factories import opened_case, person

from .made import anew, cancelled_case
from .made import shredded as destroyed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop", "own_ring")]
BY = {"actor": "system:test"}


class Backup:
    """A copy of every row that is sealed, of the keys, and of the files."""

    def __init__(self, folder: Path) -> None:
        models = {DataKey, Evidence, *(model for model, _column, _names in sealed_fields())}
        self._rows: dict[Any, list[dict[str, Any]]] = {model: list(model.objects.values()) for model in models}
        self._files = {path: path.read_bytes() for path in folder.rglob("*.sealed")}
        self._folder = folder

    @contextmanager
    def restored(self) -> Iterator[None]:
        """The database and the files as they were, for a while."""
        with transaction.atomic():
            self.put_back()
            yield
            transaction.set_rollback(True)
        shutil.rmtree(self._folder)
        self._folder.mkdir()

    def put_back(self) -> None:
        for model, rows in self._rows.items():
            for row in rows:
                model.objects.filter(pk=row["id"]).update(**row)
        for path, content in self._files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def everything(case: Case) -> list[Callable[[], Any]]:
    """All that opens something of the case."""
    case = anew(case)
    return [
        lambda: case.unseal("requester"),
        lambda: case.unseal("external_id"),
        *(item.value for item in Identifier.objects.filter(case=case)),
        *((lambda note=note: note.unseal("text")) for note in Note.objects.filter(case=case)),
        *((lambda item=item: evidence.open_evidence(item).read()) for item in Evidence.objects.filter(case=case)),
    ]


@pytest.fixture
def case(settings, tmp_path) -> Case:
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    settings.KEY_ROTATION_DAYS = 0
    case = opened_case(requester={"name": "Ada Lovelace"}, external_id="crm-1")
    lifecycle.add_note(case, by=person("olive"), text="She rang twice.")
    file = evidence.File("passport.png", b"a picture")
    lifecycle.check_identity(case, by=person("olive"), method="document", result="proven", file=file)
    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")
    return anew(case)


def test_it_opens_with_todays_ring_until_the_key_of_the_ring_is_destroyed_and_then_nothing_of_it(
    case: Case, settings
) -> None:
    backup = Backup(settings.EVIDENCE_DIR)
    other = cancelled_case()
    case = destroyed(case)
    assert "No date is set" in retention.backups(case)
    with backup.restored():
        opened = [open_() for open_ in everything(case)]
        assert {"ada@example.org", "She rang twice.", b"a picture"} <= {
            item for item in opened if not isinstance(item, dict)
        }

    rotation.rotate(**BY)
    with backup.restored():
        assert everything(case)[1]() == "crm-1", "the replaced key is still there"
    rotation.retire(**BY)

    with backup.restored():
        for open_ in everything(case):
            with pytest.raises(Unreadable, match="destroyed on purpose"):
                open_()
    assert "cannot be read any more" in retention.backups(anew(case))
    assert anew(other).identifiers.first().value(), "what lives was wrapped anew"


def test_with_a_schedule_the_case_says_the_day(case: Case, settings, turn_clock) -> None:
    settings.KEY_ROTATION_DAYS, settings.KEY_KEEP_DAYS = 30, 35
    assert "can be read until" in retention.backups(destroyed(case))


def test_after_a_restore_the_list_beside_the_ring_destroys_it_again(case: Case, settings) -> None:
    backup = Backup(settings.EVIDENCE_DIR)
    other = cancelled_case()
    destroyed(case)
    shredded.keep()
    backup.put_back()
    assert not anew(case).shredded_at and everything(case)[1]() == "crm-1", "it is back"
    assert retention.shred_again(shredded.listed(), actor="system:restore") == 1
    assert anew(case).shredded_at
    for open_ in everything(case):
        with pytest.raises((Unreadable, FileNotFoundError)):
            open_()
    assert anew(other).identifiers.first().value()


def test_a_single_file_goes_for_good_with_its_own_key_while_the_case_lives(case: Case, settings) -> None:
    backup = Backup(settings.EVIDENCE_DIR)
    evidence.expire(Evidence.objects.get(case=case))
    rotation.rotate(**BY)
    rotation.retire(**BY)
    assert anew(case).unseal("external_id") == "crm-1"
    with backup.restored(), pytest.raises(Unreadable, match="destroyed on purpose"):
        evidence.open_evidence(Evidence.objects.get(case=case))
