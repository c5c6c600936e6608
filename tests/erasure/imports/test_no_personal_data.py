"""An import leaves nothing that names a person in plain text: in no table, file, queue, cache, log or answer."""

import logging

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from erasure import imports
from erasure.models import Import, ImportRow
from tests.erasure.test_no_personal_data import MARK, files, spellings, tables
from tests.factories import person

from .made import requests

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shop")]

PRIVATE = [
    {"email": f"{MARK}.ada@example.org", "name": f"Ada {MARK}", "external_id": f"{MARK}-1", "note": f"{MARK} called"},
    {"email": f"{MARK} no address", "name": f"Bea {MARK}", "external_id": f"{MARK}-2"},
    {"email": f"{MARK}.cyd@example.org", "reply_to": f"{MARK}-cyd@example.org", "external_id": f"{MARK}-2"},
    {"email": f"{MARK}.dora@example.org", "country": MARK, f"{MARK} column": MARK},
]


def test_nothing_personal_lies_open_at_any_time(caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(imports.carrying, "AT_ONCE", 0)
    monkeypatch.setattr("erasure.admin.imports.imports.AT_ONCE", 0)
    olive = Client()
    olive.force_login(person("olive", "intake"))
    upload = SimpleUploadedFile(f"{MARK}.csv", requests(*PRIVATE))
    page = olive.post(reverse("admin:erasure_case_import"), {"file": upload}).url
    nothing_lies_open(caplog)
    kept = Import.objects.get()
    assert MARK in kept.content().decode(), "it is kept, sealed"
    olive.post(f"{page}accept/", {"leave_out": "on"})
    assert str(kept.pk) in str([message.task for message in OrmQ.objects.all()]), "the queue is read"
    turns = iter([True, False])
    imports.carry_on(kept.pk, goes_on=lambda: next(turns))
    nothing_lies_open(caplog)
    imports.carry_on(kept.pk)
    assert ImportRow.objects.count() == len(PRIVATE)
    nothing_lies_open(caplog)
    assert MARK not in page


def nothing_lies_open(caplog) -> None:
    places = dict(tables()) | dict(files(settings.DATA_DIR))
    places |= {"queue": str([message.task for message in OrmQ.objects.all()]).encode(), "log": caplog.text.encode()}
    assert places["table erasure_import"], "the tables are read"
    private = {text for row in PRIVATE for text in (*row, *row.values()) if MARK in text}
    found = [
        place
        for place, content in places.items()
        if MARK.encode() in content or any(spelling in content for text in private for spelling in spellings(text))
    ]
    assert found == []
