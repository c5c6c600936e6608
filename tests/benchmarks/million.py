"""Many cases with their work, as a desk has them after three years, written by a few statements. The rows are as the
desk would write them, but for what is sealed: nothing of theirs can be opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, models

from compliance import clock
from compliance.staff.models import User
from compliance.vault.models import DataKey
from erasure.models import (
    Call,
    CallSubTask,
    Case,
    Evidence,
    Identifier,
    PlanParty,
    PlanRevision,
    SubTask,
    Vendor,
)
from erasure.states import CaseStatus, IdentifierState, RevisionStatus, Role, SubTaskStatus

DAYS = 1095
MODELS = (DataKey, Case, Identifier, PlanRevision, PlanParty, SubTask, Call, CallSubTask, Evidence)
POSTGRESQL = connection.vendor == "postgresql"


def fill(count: int, people: list[User], vendors: list[Vendor]) -> None:
    """`count` cases: the newest of the last days await approval, half of the last month's are under way, as are a few
    old ones; the others have ended. `people` open, approve and handle them in turn. The first vendor has work in each
    case, the second in every other one, the third in one of a thousand."""
    with connection.cursor() as cursor:
        cursor.execute(_facts(count, people))
        with _without_indexes(cursor):
            _cases()
            _plans()
            for number, (vendor, share) in enumerate(zip(vendors, (1, 2, 1000), strict=True)):
                _work(number, vendor, share)
        cursor.execute("DROP TABLE bench")
        cursor.execute("INSERT INTO erasure_referencecounter (year, last) VALUES (2020, %s)", [count])
        cursor.execute("VACUUM ANALYZE" if POSTGRESQL else "ANALYZE")


@contextmanager
def _without_indexes(cursor: Any) -> Iterator[None]:
    """Takes the indexes of the tables that are filled away and makes them again afterwards, which is far faster than
    keeping them; for the same reason PostgreSQL does not look up what the rows point to."""
    tables = ", ".join(f"'{model._meta.db_table}'" for model in MODELS)
    if POSTGRESQL:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ({tables}) AND indexname NOT IN"
            " (SELECT conname FROM pg_constraint)"
        )
    else:
        cursor.execute(
            f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ({tables}) AND sql > ''"
        )
    indexes = cursor.fetchall()
    for name, _definition in indexes:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for _name, definition in indexes:
        cursor.execute(definition)
    if POSTGRESQL:
        cursor.execute("SET session_replication_role = origin")


def _facts(count: int, people: list[User]) -> str:
    """The statement that makes a table of what decides all the rest, by a case's number `g`."""
    if POSTGRESQL:
        series = f"generate_series(1, {count}) AS s(g)"
    else:
        series = f"(WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < {count}) SELECT g FROM s)"
    account = " ".join(f"WHEN {number} THEN {person.pk}" for number, person in enumerate(people))
    status = f"""CASE
        WHEN age < 10 AND g % 5 = 0 THEN '{CaseStatus.DRAFT}'
        WHEN age < 10 THEN '{CaseStatus.AWAITING_APPROVAL}'
        WHEN age < 40 AND g % 2 = 0 OR g % 300 = 0 THEN '{CaseStatus.IN_PROGRESS}'
        WHEN g % 100 = 1 THEN '{CaseStatus.REJECTED}'
        WHEN g % 100 = 3 THEN '{CaseStatus.CANCELLED}'
        WHEN g % 150 = 5 THEN '{CaseStatus.PARTLY_COMPLETED}'
        ELSE '{CaseStatus.COMPLETED}' END"""
    aged = f"SELECT g, ({count} - g) * {DAYS} / {count} AS age FROM {series}"
    known = f"SELECT g, age, {status} AS status FROM ({aged}) aged"
    person = f"CASE g % {len(people)} {account} END"
    open_ones = ", ".join(f"'{one}'" for one in CaseStatus if one.is_open)
    return (
        f"CREATE TABLE bench AS SELECT g, {_uuid('case')} AS id, {_uuid('plan')} AS plan, {_uuid('key')} AS data_key,"
        f" age, status, status IN ({open_ones}) AS is_open, {person} AS person FROM ({known}) known"
    )


def _uuid(what: str) -> str:
    text = f"md5('{what}' || g)"
    return f"CAST({text} AS uuid)" if POSTGRESQL else text


def _moment(days: str) -> str:
    """The moment that many days ago, at a second of its own."""
    now = f"{clock.now() - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}"
    if POSTGRESQL:
        return f"(TIMESTAMPTZ '{now}Z' - ({days}) * INTERVAL '1 day' - (g % 80000) * INTERVAL '1 second')"
    return f"datetime('{now}', (-({days})) || ' days', (-(g % 80000)) || ' seconds')"


def _day(days: str) -> str:
    """The day that many days ago."""
    today = clock.today()
    return f"(DATE '{today}' - ({days}))" if POSTGRESQL else f"date('{today}', (-({days})) || ' days')"


def _insert(model: type[models.Model], source: str, **columns: str) -> None:
    """Rows of `model` from `source`: each of `columns` by its expression, every other one as its field begins."""
    values: list[Any] = []
    for field in model._meta.concrete_fields:
        if field.name in columns or field.null or isinstance(field, models.AutoField):
            continue
        columns[field.name] = "%s"
        values.append(field.get_db_prep_save(field.get_default(), connection))
    names = ", ".join(f'"{model._meta.get_field(name).column}"' for name in columns)
    given = ", ".join(text if text == "%s" else text.replace("%", "%%") for text in columns.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {given} FROM {source.replace("%", "%%")}', values
        )


def _cases() -> None:
    begun, over = _moment("age"), _moment("age * 2 / 3")
    answered = f"CASE WHEN NOT is_open AND status <> '{CaseStatus.CANCELLED}' AND g % 1000 <> 7 THEN {over} END"
    wrapped = "decode('00', 'hex')" if POSTGRESQL else "x'00'"
    _insert(DataKey, "bench", id="data_key", ring_key="'none'", wrapped=wrapped, created_at=begun)
    _insert(
        Case,
        "bench",
        id="id",
        reference="'DSR-2020-' || CASE WHEN g > 999999 THEN '' || g ELSE substr('' || (1000000 + g), 2) END",
        kind="CASE WHEN g % 20 < 17 THEN 'erasure' WHEN g % 20 < 19 THEN 'export' WHEN g % 7 = 0 THEN"
        " 'lift_restriction' ELSE 'restriction' END",
        regime="CASE WHEN g % 10 < 8 THEN 'gdpr' WHEN g % 10 = 8 THEN 'uk_gdpr' WHEN g % 1000 = 9 THEN 'us_va'"
        " ELSE 'ccpa' END",
        ground="'subject_request'",
        channel="'email'",
        received_at=begun,
        received_on=_day("age"),
        due_on=_day("age - 30"),
        status="status",
        data_key="data_key",
        opened_by="person",
        handler="CASE WHEN g % 9 > 0 THEN person END",
        external_id_fingerprint="CASE WHEN g % 3 = 0 THEN md5('x' || g) || md5('y' || g) ELSE '' END",
        cancelled_at=f"CASE WHEN status = '{CaseStatus.CANCELLED}' THEN {over} END",
        held_at=f"CASE WHEN is_open AND g % 60 = 0 THEN {begun} END",
        replied_at=answered,
        created_at=begun,
        updated_at=begun,
        closed_at=f"CASE WHEN NOT is_open THEN {over} END",
    )
    for kind in ("email", "customer_id"):
        state = f"CASE WHEN status = '{CaseStatus.IN_PROGRESS}' AND g % 88 = 0 AND '{kind}' = 'email'"
        _insert(
            Identifier,
            "bench",
            id=_uuid(kind),
            case="id",
            kind=f"'{kind}'",
            fingerprint=f"md5('{kind}' || g) || md5(g || '{kind}')",
            state=f"{state} THEN '{IdentifierState.PROPOSED}' ELSE '{IdentifierState.ACCEPTED}' END",
            created_at=begun,
        )


def _plans() -> None:
    begun = _moment("age")
    waits = f"status IN ('{CaseStatus.DRAFT}', '{CaseStatus.AWAITING_APPROVAL}')"
    _insert(
        PlanRevision,
        "bench",
        id="plan",
        case="id",
        number="1",
        digest="md5('digest' || g)",
        status=f"CASE WHEN {waits} THEN '{RevisionStatus.OPEN}' ELSE '{RevisionStatus.APPROVED}' END",
        created_at=begun,
        approved_at=f"CASE WHEN NOT ({waits}) THEN {begun} END",
    )
    _insert(PlanParty, "bench", revision="plan", person="person", role=f"'{Role.AUTHOR}'", at=begun)


def _work(number: int, vendor: Vendor, share: int) -> None:
    key = vendor.pk if POSTGRESQL else vendor.pk.hex
    status = f"""CASE WHEN NOT is_open THEN '{SubTaskStatus.DONE}'
        WHEN status <> '{CaseStatus.IN_PROGRESS}' THEN '{SubTaskStatus.PLANNED}'
        WHEN g / 2 % 50 = {number} THEN '{SubTaskStatus.NEEDS_ATTENTION}'
        WHEN g / 2 % 50 BETWEEN 3 AND 4 THEN '{SubTaskStatus.AWAITING_ATTESTATION}'
        WHEN g / 2 % 50 BETWEEN 5 AND 6 THEN '{SubTaskStatus.AWAITING_IDENTIFIER}'
        ELSE '{SubTaskStatus.WAITING}' END"""
    source = f"(SELECT *, {status} AS work FROM bench WHERE g % {share} = 0) b"
    begun = _moment("age")
    _insert(
        SubTask,
        source,
        id=_uuid(f"work{number}-"),
        case="id",
        revision="plan",
        vendor=f"'{key}'",
        operation="'erase'",
        digest="'none'",
        status="work",
        step="'await_removal'",
        next_at=f"CASE WHEN work = '{SubTaskStatus.WAITING}' THEN {begun} END",
        attention_code=f"CASE WHEN work = '{SubTaskStatus.NEEDS_ATTENTION}' THEN 'refused' ELSE '' END",
        assurance="CASE WHEN is_open THEN 'none' ELSE 'confirmed' END",
        created_at=begun,
        ended_at=f"CASE WHEN NOT is_open THEN {begun} END",
    )
    sent = f"(SELECT * FROM bench WHERE g % {share} = 0 AND status NOT IN ('{CaseStatus.DRAFT}', "
    sent += f"'{CaseStatus.AWAITING_APPROVAL}')) b"
    _insert(
        Call,
        sent,
        id=_uuid(f"call{number}-"),
        vendor=f"'{key}'",
        step="'await_removal'",
        writes="g % 2 = 0",
        started_at=begun,
        lease_until=begun,
        finished_at=begun,
        verdict="CASE WHEN g % 5000 = 0 THEN 'unknown' WHEN g % 50 = 0 THEN 'failed' ELSE 'ok' END",
    )
    _insert(CallSubTask, sent, call=_uuid(f"call{number}-"), sub_task=_uuid(f"work{number}-"), epoch="1")
    kept = sent.replace("WHERE", "WHERE g % 4 = 0 AND", 1)
    _insert(
        Evidence,
        kept,
        id=_uuid(f"evidence{number}-"),
        case="id",
        sub_task=_uuid(f"work{number}-"),
        call=_uuid(f"call{number}-"),
        kind="'export'",
        name="'export.zip'",
        size="1000",
        sha256="md5('file' || g)",
        created_at=begun,
    )
