"""In the same random world, people also destroy personal data: such a case never comes back to life, nothing is sent
for it any more, and four eyes hold."""

from typing import Any

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from erasure import lifecycle, retention
from erasure.models import Call, Case, Evidence, Identifier, Shredding, SubTask
from erasure.states import ENDED

from .rules import CASES, KINDS, NAMED_BY, PEOPLE, Machine
from .test_machine import USUAL, chosen
from .world import refused_or_done, servers

pytestmark = pytest.mark.django_db
FEWER = settings(USUAL, max_examples=max(4, USUAL.max_examples // 3), stateful_step_count=20)


class Destroying(Machine):
    def __init__(self) -> None:
        super().__init__()
        self.destroyed: dict[Any, tuple[str, int]] = {}  # case → its status then, and how many calls were made for it

    @initialize(kind=KINDS, named_by=NAMED_BY, far=st.sampled_from(["approved", "submitted", "draft"]))
    def another_case_is_destroyed(self, kind: str, named_by: tuple[str, ...], far: str) -> None:
        self.opens(kind, named_by, 1, False, far)
        self.ends(1, 1)
        self.destroys(1, 1, 2, "approve")

    @rule(which=CASES, who=PEOPLE)
    def ends(self, which: int, who: int) -> None:
        """As far as people can: without this, few cases of an example end."""
        for does in ("cancel", "reply"):
            self.interferes(which, who, does)

    @rule(which=CASES, who=PEOPLE, other=PEOPLE, then=st.sampled_from(["approve", "approve", "withdraw"]))
    def destroys(self, which: int, who: int, other: int, then: str) -> None:
        case, people = self.world.case(which), self.world.people
        with refused_or_done():
            retention.ask(case, by=people[who], reason="person_asks", note="she asks for it")
        with refused_or_done() as told:
            if then == "withdraw":
                retention.withdraw(case, by=people[other])
            else:
                retention.approve(case, by=people[other])
        if told.done and then == "approve":
            done = Shredding.objects.get(case=case)
            assert done.asked_by_id != done.approved_by_id == people[other].pk

    @rule(which=CASES, who=PEOPLE)
    def tries_to_wake_it(self, which: int, who: int) -> None:
        case, person = self.world.case(which), self.world.people[who]
        for change in (
            lambda: lifecycle.add_note(case, by=person, text="again"),
            lambda: lifecycle.submit(case, by=person),
        ):
            with refused_or_done() as told:
                change()
            assert not (told.done and Case.objects.get(pk=case.pk).shredded_at)

    @invariant()
    def what_is_destroyed_stays_so(self) -> None:
        for case in Case.objects.filter(shredded_at__isnull=False).select_related("data_key"):
            calls = Call.objects.filter(sub_tasks__case=case).distinct().count()
            assert self.destroyed.setdefault(case.pk, (case.status, calls)) == (case.status, calls), "it came to life"
            assert case.data_key.destroyed_at and case.closed_at and not case.is_unanswered
            assert not SubTask.objects.filter(case=case).exclude(status__in=ENDED).exists()
            assert not Identifier.objects.filter(case=case).exclude(fingerprint="", value_sealed=b"").exists()
            assert not Evidence.objects.filter(case=case, removed_at=None).exists()
        assert Case.objects.filter(pk__in=self.destroyed, shredded_at=None).count() == 0

    def teardown(self) -> None:
        super().teardown()
        assert self.destroyed, "else all of this would hold in any case"


def test_what_is_destroyed_never_comes_back_whatever_happens(pytestconfig: pytest.Config) -> None:
    with servers() as running:
        Destroying.stand_ins = running
        run_state_machine_as_test(seed(chosen(pytestconfig))(type("State", (Destroying,), {})), settings=FEWER)
