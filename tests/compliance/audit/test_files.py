"""An export as files, where something fails."""

from pathlib import Path
from typing import Any

import pytest

from compliance.audit import export, files, seal, signing
from compliance.audit.export import Selection
from tests.compliance.audit.bulk import bulk_log

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_key(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_SIGNING_KEY = tmp_path / "keys" / "audit.pem"
    signing.ensure()


def write(path: Path) -> None:
    checkpoint = seal.newest()
    assert checkpoint
    rows = export.rows(Selection(), checkpoint.size)
    files.write(path, rows, Selection(), checkpoint, form="csv", before=lambda: None)


def test_if_files_cannot_be_put_in_place_no_rows_lie_beside_the_proof_of_others(tmp_path: Path) -> None:
    path = tmp_path / "trail.csv"
    bulk_log(2)
    write(path)
    bulk_log(2)
    (tmp_path / "trail.csv.leaves").unlink()
    (tmp_path / "trail.csv.leaves" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="irectory"):
        write(path)
    assert not path.exists()
    assert not list(tmp_path.glob(".*.part"))
