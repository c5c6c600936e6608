"""Nothing that names a person, and no secret, lies in plain text in what the desk writes."""

import base64
import hashlib
import io
import logging
import pickle
import uuid
import zlib
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django_q.models import OrmQ

from erasure import intake, letters, lifecycle, planning, vendors
from erasure.errors import DeskError
from erasure.evidence import File, Sink
from erasure.lifecycle import open_revision
from erasure.models import Letter
from erasure.worker import lanes
from tests.factories import found, opening, person, vendor

pytestmark = pytest.mark.django_db(transaction=True)

MARK = "Zq7xkVb3w"  # so long that no megabyte of ciphertext holds it by chance
VISITOR = str(uuid.UUID(int=0x7A71EEC0FFEE4C0D9A1F2B6E7D8C9F17))
CUSTOMER = f"{MARK}-customer-4711"
PRIVATE = {
    "e-mail": f"{MARK}.Lovelace@Example.org",
    "customer id": CUSTOMER,
    "visitor id": VISITOR,
    "phone": "+4930998877665",
    "late identifier": f"{MARK}-late-4712",
    "found identifier": f"{MARK}-found@example.org",
    "requester's name": f"Ada {MARK} Lovelace",
    "reply address": f"{MARK}-reply@example.org",
    "acting for": f"{MARK} Byron",
    "external id": f"{MARK}-crm-991",
    "note": f"She called; her dog is named {MARK}.",
    "vendor's user": f"{MARK}-desk",
    "vendor's password": f"{MARK}-open-sesame",
    "evidence": f"{MARK} has bought a hat",
    "letter": f"{MARK}, your hat is forgotten",
}
KEY = hashlib.sha256(CUSTOMER.encode()).hexdigest()  # what Apptus knows the customer by


def spellings(text):
    """How a value could lie in a file: as it is, in another case, hashed, encoded."""
    raw = text.encode()
    yield from (raw, text.lower().encode(), raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")[:-1])
    yield from (hashlib.sha256(raw).hexdigest().encode(), hashlib.sha256(text.lower().encode()).hexdigest().encode())
    yield text.replace("-", "").encode() if text == VISITOR else raw
    yield text.replace("+", "%2B").replace("@", "%40").encode()
    yield from (raw[::-1], text.encode("utf-16-le"), text.encode("utf-16-be"))
    # As base64 spells it in the midst of something; of a short text too little is left to be told from chance.
    midst = (base64.b64encode(b"-" * more + raw)[4:-4] for more in (1, 2))
    yield from (spelling for spelling in midst if len(spelling) >= 12)


def tables():
    """Every row of every table as bytes, table by table."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = [cell for row in cursor.fetchall() for cell in row]
            cells = (bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for cell in rows)
            yield f"table {table}", b"\n".join(cells)


def files(folder):
    for path in Path(folder).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".djcache":  # a pickled time, then a packed value
                packed = io.BytesIO(content)
                pickle.load(packed)
                content += zlib.decompress(packed.read())
            yield f"file {path}", str(path).encode() + b"\n" + content


def _refuses(*_args):
    raise OSError(f"{PRIVATE['reply address']}: no such mailbox")


def test_a_case_leaves_nothing_personal_in_tables_files_queue_cache_and_logs(caplog, capfd, settings, monkeypatch):
    caplog.set_level(logging.DEBUG)
    settings.LETTERS_FROM = "Shop <privacy@shop.example>"
    vendors.save(
        {
            "name": "Shop search",
            "connector": "apptus",
            "base_url": "http://127.0.0.1:9",
            "credentials": {"username": PRIVATE["vendor's user"], "password": PRIVATE["vendor's password"]},
        }
    )
    vendor("Paper archive", "manual")
    olive, ada = person("olive"), person("ada")
    case = intake.open_case(
        opening(
            identifiers=[
                ("email", PRIVATE["e-mail"]),
                ("customer_id", PRIVATE["customer id"]),
                ("visitor_id", VISITOR),
                ("phone", PRIVATE["phone"]),
            ],
            requester={
                "name": PRIVATE["requester's name"],
                "reply_to": PRIVATE["reply address"],
                "acting_for": PRIVATE["acting for"],
            },
            external_id=PRIVATE["external id"],
            note=PRIVATE["note"],
        ),
        by=olive,
    )
    lifecycle.submit(case, by=olive)
    lifecycle.hold(case, by=olive, note=PRIVATE["note"])
    lifecycle.release(case, by=olive, note=PRIVATE["note"])
    lifecycle.approve(case, by=ada, digest=open_revision(case).digest, note=PRIVATE["note"])
    intake.add_identifier(case, by=olive, kind="customer_id", value=PRIVATE["late identifier"])
    lifecycle.reject(case, by=ada, ground="unfounded", note=PRIVATE["note"])
    (further,) = found(case, ("email", PRIVATE["found identifier"]), ("phone", PRIVATE["note"]))
    lifecycle.decide(case, by=olive, accept=[], dismiss=[further.pk], note=PRIVATE["note"])
    lifecycle.reply(case, by=olive, channel="email", note=PRIVATE["note"])
    file = File(PRIVATE["requester's name"] + ".pdf", b"%PDF " + PRIVATE["evidence"].encode())
    lifecycle.attest(case.sub_tasks.get(vendor__name="Paper archive"), by=olive, note=PRIVATE["note"], file=file)

    given = {"by": olive, "channel": "email", "subject": PRIVATE["letter"], "body": f"{PRIVATE['letter']} {{name}}"}
    letters.send(case, "completion", **given)
    letters.look_after(run=lambda send: send())
    letters.send(case, "recipients", **given)
    monkeypatch.setattr(EmailBackend, "send_messages", _refuses)
    letters.look_after(run=lambda send: send())
    assert sorted(Letter.objects.values_list("mail", flat=True)) == ["sent", "unknown"]

    # What goes wrong is written down as well.
    for wrong in ({"external_id": PRIVATE["external id"]}, {"identifiers": [("phone", PRIVATE["e-mail"])]}):
        with pytest.raises(DeskError) as refused:
            intake.open_case(opening(**wrong), by=olive)
        logging.getLogger("erasure").warning("refused", exc_info=refused.value)

    # The first call goes nowhere: nothing listens at port 9. What the worker leaves of it is read all the same.
    shop = case.sub_tasks.get(vendor__name="Shop search", revision__number=1)
    lanes.run(str(shop.vendor_id))
    assert shop.calls.exists()
    sink = Sink(case)
    sink.write(PRIVATE["evidence"].encode())
    sink.finish()
    assert KEY in planning.first_call(shop).url, "the key is looked for as it would be sent"
    cache.set("probe", "cached-by-this-test")

    places = dict(tables())
    for folder in (settings.EVIDENCE_DIR, settings.DATA_DIR):
        places |= dict(files(folder))
    places["queue"] = str([message.task for message in OrmQ.objects.all()]).encode()
    captured = capfd.readouterr()
    places["log"] = caplog.text.encode()
    places["output"] = (captured.out + captured.err).encode()

    assert case.reference.encode() in places["table erasure_case"], "the tables are read"
    assert b"refused" in places["log"], "the log is read"
    assert str(shop.vendor_id).encode() in places["queue"], "the queue is read"
    assert any(place.endswith(".sealed") for place in places), "the evidence is read"
    assert any(b"cached-by-this-test" in content for content in places.values()), "the cache is read"
    leaks = sorted(
        f"{name} in {place}"
        for place, content in places.items()
        for name, value in {**PRIVATE, "customer key": KEY}.items()
        if any(spelling in content for spelling in spellings(value))
    )
    assert leaks == []
    assert not [place for place, content in places.items() if MARK.encode() in content]
