"""References have no gap and no twin, however many people open cases at once and however many of them fail."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from compliance import clock
from erasure import intake
from erasure.errors import Conflict, Invalid
from erasure.models import Case, ReferenceCounter
from tests.factories import opening, person, vendor

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE, TURNS = 6, 6


def at_once(people, act):
    """Runs `act(number)` in that many threads, each with its own connection, all begun together."""
    start = Barrier(people, timeout=30)

    def run(number):
        try:
            start.wait()
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(people) as pool:
        return list(pool.map(run, range(people)))


def test_references_opened_at_once_are_gap_free_with_failures_in_between():
    vendor()
    openers = [person(f"opener-{number}") for number in range(PEOPLE)]

    def open_some(number):
        opened, failed = [], 0
        for turn in range(TURNS):
            # A note that is too long is found when the reference has been drawn already.
            note = "x" * 10_001 if (number + turn) % 3 == 0 else ""
            try:
                opened.append(intake.open_case(opening(note=note), by=openers[number]).reference)
            except Invalid:
                failed += 1
        return opened, failed

    results = at_once(PEOPLE, open_some)

    references = sorted(reference for opened, _failed in results for reference in opened)
    failures = sum(failed for _opened, failed in results)
    year = clock.today().year
    assert failures == PEOPLE * TURNS // 3
    assert references == [f"DSR-{year}-{n:06d}" for n in range(1, PEOPLE * TURNS - failures + 1)]
    assert sorted(Case.objects.values_list("reference", flat=True)) == references
    assert ReferenceCounter.objects.get(year=year).last == len(references)


def test_one_external_id_opens_one_case_however_many_try_at_once():
    vendor()
    service = person("crm")

    def open_it(_number):
        try:
            return "opened", intake.open_case(opening(external_id="crm-991"), by=service).reference
        except Conflict as refused:
            return refused.code, refused.reference

    results = at_once(PEOPLE, open_it)

    case = Case.objects.get()
    assert sorted(results) == sorted(
        [("opened", case.reference)] + [("external_id_used", case.reference)] * (PEOPLE - 1)
    )
