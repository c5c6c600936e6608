"""STUB until the room's own list is merged: reads the list, and nothing more."""

import json
import uuid
from datetime import datetime
from pathlib import Path

from django.conf import settings


def listed() -> dict[uuid.UUID, datetime]:
    path = Path(settings.KEY_RING).parent / "shredded.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return {uuid.UUID(row["key"]): datetime.fromisoformat(row["at"]) for row in rows}
