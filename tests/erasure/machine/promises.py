"""What must be true after every step, read from the database alone."""

from collections.abc import Mapping
from typing import Any

from compliance.audit.models import Event
from erasure import due
from erasure.models import Call, CallSubTask, Case, PlanRevision, SubTask, SubTaskIdentifier
from erasure.states import CASE_MOVES, SUBTASK_MOVES

from .book import Book

PROOF = ["none", "submitted", "accepted", "confirmed", "asked_again"]
PROVEN = {"erased", "not_held", "restricted", "unrestricted", "exported", "processed"}
FOR_A_PERSON = {"awaiting_identifier", "awaiting_attestation", "needs_attention"}
OVER = {"done", "skipped", "stopped"}


class Promises:
    """Remembers how things stood after the last step."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._cases: dict[Any, str] = {}
        self._works: dict[Any, str] = {}
        self._proven: dict[Any, tuple[str, int]] = {}
        self._trail: list[tuple[int, str]] = []

    def hold(self) -> None:
        cases = {case.pk: case for case in Case.objects.all()}
        works = list(SubTask.objects.select_related("revision"))
        uses = list(SubTaskIdentifier.objects.select_related("identifier", "sub_task"))
        self._moves(cases, works)
        self._waiting(cases, works)
        self._claims(works)
        self._outcomes(uses)
        self._truth(cases, works, uses)
        self._duplicates()
        self._appended()

    def _moves(self, cases: Mapping[Any, Case], works: list[SubTask]) -> None:
        """Only legal moves, also where one step makes several."""
        now = {work.pk: work.status for work in works}
        for pk, was in self._works.items():
            assert pk in now or was == "planned", "vendor work has vanished"
            assert now.get(pk, was) in reach(was, SUBTASK_MOVES), f"vendor work: {was} to {now[pk]}"
        for pk, was in self._cases.items():
            assert cases[pk].status in reach(was, CASE_MOVES), f"case: {was} to {cases[pk].status}"
        self._works, self._cases = now, {pk: case.status for pk, case in cases.items()}

    def _waiting(self, cases: Mapping[Any, Case], works: list[SubTask]) -> None:
        """Nothing stuck in silence: a time, a lease, or a person who is told why."""
        for work in works:
            if work.status in ("ready", "waiting"):
                assert work.next_at, "waits for no time"
            if work.status == "running":
                assert work.lease_until, "runs without a lease"
            if work.status == "needs_attention":
                assert work.attention_code and work.attention_text, "needs attention and does not say why"
            if work.status not in OVER | {"planned"}:
                assert not due.awaits_notice(cases[work.case_id]), "lifts what the person was not told of"
                assert work.revision.status == "approved", f"{work.status} in a plan that nobody approved"

    def _claims(self, works: list[SubTask]) -> None:
        """One open claim for a sub-task that runs, under its epoch; none for any other."""
        rows = CallSubTask.objects.filter(call__verdict="").values_list("sub_task", "epoch")
        under_way: dict[Any, list[int]] = {}
        for pk, epoch in rows:
            under_way.setdefault(pk, []).append(epoch)
        for work in works:
            expected = [work.epoch] if work.status == "running" else []
            assert under_way.get(work.pk, []) == expected, f"{work.status} with open claims {under_way.get(work.pk)}"
        assert not Call.objects.filter(verdict="", finished_at__isnull=False).exists()

    def _outcomes(self, uses: list[SubTaskIdentifier]) -> None:
        """What is proven of an identifier stays so, or is proven better."""
        for use in uses:
            proof = PROOF.index(use.assurance)
            if use.pk in self._proven:
                was, level = self._proven[use.pk]
                assert (use.outcome, proof >= level) == (was, True), f"{was} became {use.outcome}, {use.assurance}"
            if use.outcome in PROVEN and use.assurance in ("confirmed", "asked_again"):
                self._proven[use.pk] = use.outcome, proof
            if use.sub_task.status == "done":
                assert use.outcome in PROVEN, f"done, and an identifier is {use.outcome}"

    def _truth(self, cases: Mapping[Any, Case], works: list[SubTask], uses: list[SubTaskIdentifier]) -> None:
        """A case is called what its vendor work makes it."""
        opened = set(PlanRevision.objects.filter(status="open").values_list("case", flat=True))
        proposed = set(Case.objects.filter(identifiers__state="proposed").values_list("pk", flat=True))
        for case in cases.values():
            mine = [work for work in works if work.case_id == case.pk and work.revision.status == "approved"]
            wanted = [use for use in uses if use.sub_task.case_id == case.pk and not left_out(use)]
            undecided = case.pk in opened or case.pk in proposed
            over = all(work.status in OVER for work in mine)
            stopped = [work for work in mine if work.status == "stopped"]
            undone = [use for use in wanted if use.outcome in ("failed", "refused", "pending")]
            match case.status:
                case "completed":
                    assert over and not undecided and not stopped and not undone and not case.cancelled_at
                case "partly_completed":
                    assert over and not undecided and (stopped or undone or case.cancelled_at)
                case "cancelled":
                    assert over and not undecided and case.cancelled_at
                    assert not any(self.book.effects[key] for key in self.book.effects if self._is_of(key[0], mine))
                case "in_progress":
                    assert mine and (undecided or not over), "in progress with nothing left to do"
                case _:
                    assert not mine, f"{case.status} with an approved plan"

    @staticmethod
    def _is_of(pk: Any, works: list[SubTask]) -> bool:
        return any(work.pk == pk for work in works)

    def _duplicates(self) -> None:
        """At most one effect, or the trail names each further one."""
        for (sub_task, effect, whom), count in self.book.effects.items():
            if count > 1:
                named = self.book.named(sub_task, effect)
                assert count - 1 <= named, f"{effect} {count} times for {whom or 'a job'}, {named} named"

    def _appended(self) -> None:
        """The trail only grows."""
        trail = list(Event.objects.order_by("pk").values_list("pk", "leaf_hash"))
        assert trail[: len(self._trail)] == self._trail, "the past was changed"
        self._trail = trail


def reach(status: str, moves: Mapping[Any, frozenset[Any]]) -> set[str]:
    """Where a status can lead by legal moves, itself included."""
    found, todo = {status}, [status]
    while todo:
        new = {str(to) for to in moves.get(todo.pop(), ())} - found
        found |= new
        todo += new
    return found


def left_out(use: SubTaskIdentifier) -> bool:
    """What a vendor found and people dismissed was not asked for."""
    return use.identifier.origin == "discovered" and use.identifier.state == "dismissed"
