"""What a migration does to rows that an earlier release left."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from compliance import clock
from erasure import lifecycle
from erasure.models import Call, Case, SubTask, SubTaskIdentifier, Vendor, VendorChange
from tests import factories


def migrate(name: str = "") -> None:
    """To that migration, or to the newest."""
    executor = MigrationExecutor(connection)
    executor.migrate([("erasure", name)] if name else executor.loader.graph.leaf_nodes("erasure"))


@pytest.mark.django_db(transaction=True)
def test_the_proof_of_a_whole_sub_task_becomes_that_of_each_of_its_identifiers() -> None:
    factories.vendor()
    proven = factories.approved_case(identifiers=[("customer_id", "C-1"), ("customer_id", "C-2")])
    unproven = factories.approved_case(identifiers=[("customer_id", "C-3")])
    SubTask.objects.filter(case=proven).update(assurance="accepted")
    try:
        migrate("0001_initial")
    finally:
        migrate()
    uses = SubTaskIdentifier.objects.values_list("sub_task__case", "assurance", "reference")
    assert sorted(map(str, uses)) == sorted(
        map(str, [(proven.pk, "accepted", ""), (proven.pk, "accepted", ""), (unproven.pk, "none", "")])
    )


@pytest.mark.django_db(transaction=True)
def test_accounts_at_acquia_get_its_published_quota_and_sign_ins_are_not_counted() -> None:
    cdp, shop = factories.vendor("CDP", "acquia"), factories.vendor()
    for step in ("submit", "sign_in"):
        Call.objects.create(vendor=cdp, step=step, writes=False, started_at=clock.now(), lease_until=clock.now())
    Vendor.objects.update(calls_per_week=1)
    try:
        migrate("0002_batches_and_tokens")
    finally:
        migrate()
    assert [Vendor.objects.get(pk=account.pk).calls_per_week for account in (cdp, shop)] == [9_990, 0]
    assert dict(Call.objects.values_list("step", "counts")) == {"submit": True, "sign_in": False}


@pytest.mark.django_db(transaction=True)
def test_who_changed_an_account_last_is_taken_over() -> None:
    vera = factories.person("vera")
    factories.vendor()
    now = clock.now()
    try:
        migrate("0005_vendor_numbers")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE erasure_vendor SET changed_by_id = %s, changed_at = %s", [vera.pk, now])
    finally:
        migrate()
    assert list(VendorChange.objects.values_list("person", "at")) == [(vera.pk, now)]


@pytest.mark.django_db(transaction=True)
def test_restrictions_that_ended_before_there_was_the_register_are_in_it_but_for_those_lifted_since() -> None:
    factories.vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})

    def ended(kind: str, name: str) -> Case:
        case = factories.approved_case(kind=kind, identifiers=[("email", f"{name}@example.org")])
        lifecycle.attest(factories.work(case, "Paper archive"), by=factories.person("olive"), note="Done.")
        return Case.objects.get(pk=case.pk)

    still, lifted, lifting = ended("restriction", "a"), ended("restriction", "b"), ended("lift_restriction", "b")
    erased = ended("erasure", "c")
    try:
        migrate("0013_questions")
    finally:
        migrate()
    found = {case.pk: (case.restricted_at, case.lifted_at) for case in Case.objects.all()}
    assert found == {
        still.pk: (still.closed_at, None),
        lifted.pk: (lifted.closed_at, lifting.closed_at),
        lifting.pk: (None, None),
        erased.pk: (None, None),
    }
