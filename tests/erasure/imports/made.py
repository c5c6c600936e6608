"""CSV files for tests, as spreadsheets and other programs write them."""

import csv
import io

HEADER = ("kind", "regime", "ground", "email")
ROW = ("erasure", "gdpr", "subject_request", "ada@example.org")


def csv_bytes(*rows, delimiter=",", encoding="utf-8", **dialect) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, **dialect).writerows(rows)
    return written.getvalue().encode(encoding)


def requests(*rows: dict[str, str], **how) -> bytes:
    """A file with a row for each of these, which say only what differs from an erasure that Ada asks for."""
    usual = dict(zip(HEADER, ROW, strict=True))
    header = list(dict.fromkeys([*usual, *(name for row in rows for name in row)]))
    filled = [{**usual, **row} for row in rows]
    return csv_bytes(header, *([row.get(name, "") for name in header] for row in filled), **how)


def thousand(wrong: int = 17, rows: int = 1000) -> tuple[bytes, dict[int, str]]:
    """A file in which `wrong` rows have one bad cell each, in different columns, and the column of each by its row."""
    bad = [
        ("email", "no address"),
        ("kind", "shredding"),
        ("regime", "lgpd"),
        ("ground", "because"),
        ("received_at", "03/04/2026"),
        ("country", "Germany"),
        ("phone", "no number"),
        ("vendors", "nobody"),
    ]
    columns = ["kind", "regime", "ground", "received_at", "country", "external_id", "email", "phone", "vendors"]
    places = {2 + number * (rows // wrong): bad[number % len(bad)] for number in range(wrong)}
    table = []
    for number in range(2, rows + 2):
        row = dict(zip(columns, ["erasure", "gdpr", "subject_request", "2026-11-02", "DE"], strict=False))
        row |= {"external_id": f"breach-{number}", "email": f"person{number}@example.org"}
        if number in places:
            name, text = places[number]
            row[name] = text
        table.append([row.get(name, "") for name in columns])
    return csv_bytes(columns, *table, delimiter=";"), {number: name for number, (name, _text) in places.items()}
