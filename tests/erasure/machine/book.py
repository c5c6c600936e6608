"""What an observer writes down beside the desk: what people approved, held and cancelled, what workers claimed, and
what the vendors' journals say was sent. Each is held against the desk's promises at once.
"""

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compliance.audit.models import Event
from erasure.models import Call, Case, Evidence, Identifier, PlanRevision, SubTask, SubTaskIdentifier, Vendor
from erasure.sandbox import Entry
from erasure.states import Verdict

if TYPE_CHECKING:
    from .world import Open, World

#: Effects in a journal → the step that has them.
STEP_OF = {
    "export_started": "start_export",
    "export_fetched": "fetch_export",
    "removal_started": "start_removal",
    "job_created": "create_job",
    "data_received": "upload",
    "file_deleted": "delete_file",
    "job_completed": "complete",
}
#: A step → those that it is done again for when no answer came to them; the trail then names them.
RENEWED_BY = {
    "start_export": ("fetch_export",),
    "fetch_export": ("fetch_export",),
    "create_job": (),
    "upload": ("upload",),
    "delete_file": ("upload",),
    "complete": ("upload",),
}

Content = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Sent:
    """A writing call that a sub-task had a part in."""

    call: Any
    commits: bool
    values: frozenset[str]  # in a batch: those that it carried


class Book:
    def __init__(self, world: "World") -> None:
        self.world = world
        self.opened_by: dict[Any, Any] = {}
        self.changed_by: dict[Any, set[Any]] = defaultdict(set)  # a draft's facts
        self.added_by: dict[Any, Any] = {}  # identifier → who answers for it
        self.accounts_changed: dict[Any, list[tuple[str, Any, str]]] = defaultdict(
            list
        )  # revision → its digest then, by whom
        self.read: dict[Any, tuple[str, Content]] = {}  # case → what somebody read of its plan
        self.approved: dict[Any, Content] = {}  # revision → what was approved
        self.held: set[Any] = set()
        self.cancelled: set[Any] = set()
        self.calls: dict[Any, list[Sent]] = defaultdict(list)  # sub-task → writing calls
        self.effects: Counter[tuple[Any, str, str]] = Counter()  # sub-task, effect, whom or what it was done to

    # --- people ---

    def reads(self, case: Case) -> tuple[str, Content] | None:
        """What the plan that awaits approval says."""
        revision = case.revisions.filter(status="open").first()
        if revision is None:
            return None
        self.read[case.pk] = (revision.digest, content(revision))
        return self.read[case.pk]

    def changes_account(self, name: str, person: Any) -> None:
        """What an account does was changed, and so every open plan that it is in by the time of its approval."""
        for revision in PlanRevision.objects.filter(status="open"):
            self.accounts_changed[revision.pk].append((revision.digest, person, name))

    def approves(self, case: Case, person: Any, read: tuple[str, Content]) -> None:
        """An approval has succeeded: by a second person, of exactly what was read."""
        revision = PlanRevision.objects.get(case=case, digest=read[0], status="approved")
        assert revision.pk not in self.approved, "one plan version approved twice"
        says = content(revision)
        assert says == read[1], "approved is not what was read"
        adders = {self.added_by[pk] for pk in identifiers(revision)}
        changers = {
            who
            for digest, who, name in self.accounts_changed[revision.pk]
            if digest != revision.digest and name in says
        }
        authors = {self.opened_by[case.pk]} | self.changed_by[case.pk] | adders | changers
        assert person not in authors, "approved by somebody who made it"
        self.approved[revision.pk] = says

    # --- workers ---

    def claimed(self, held: "Open") -> None:
        """A claim holds only what may be sent now. What it is about to send is written down by then."""
        claim = held.claim
        account = Vendor.objects.get(pk=claim.vendor.pk)
        assert account.enabled and account.pause != "by_hand", "an account that is switched off was called"
        for share in claim.shares:
            work = SubTask.objects.select_related("revision").get(pk=share.sub_task.pk)
            assert work.case_id not in self.held, "a held case was claimed"
            says = self.approved.get(work.revision_id)
            assert says is not None, "claimed without an approval"
            assert parts(work, account) == says[account.name], "claimed is not what was approved"
            values = frozenset(item.value for item in share.work.due)
            before = [sent for sent in self.calls[work.pk] if sent.commits and verdict(sent) != Verdict.FAILED]
            if work.case_id in self.cancelled:
                assert before, f"{claim.step.name} for a cancelled case that had sent nothing"
                assert claim.step.name != "ask_again", "a cancelled case asked again, which erases"
                if claim.step.batch:
                    assert values <= frozenset[str]().union(*(sent.values for sent in before)), "an unsent id was sent"
            if claim.step.writes:
                self.calls[work.pk].append(Sent(claim.call.pk, claim.step.commits, values))

    def about_to_send(self, held: "Open") -> None:
        """Intent before bytes: the call, and for each sub-task the word that it is about to be sent."""
        claim = held.claim
        assert Call.objects.filter(pk=claim.call.pk).exists(), "sent without a record of the call"
        if claim.step.writes:
            told = Event.objects.filter(action="sub_task.sending", canonical__contains=f"call:{claim.call.pk}")
            subjects = set(told.values_list("subject", flat=True))
            assert subjects == {f"sub_task:{share.sub_task.pk}" for share in claim.shares}, "sent without a word"

    def sent(self, held: "Open", entries: Sequence[Entry]) -> None:
        """What the vendor's journal says of a call: one request, of what was approved and nothing else."""
        claim = held.claim
        assert len(entries) <= 1, "more than one request in a step"
        for entry in entries:
            allowed: set[str] = set()
            for share in claim.shares:
                *_rest, options, values = self.approved[share.sub_task.revision_id][held.account]
                allowed |= {as_sent(held.account, kind, value) for kind, value in values}
                if entry.path.endswith("/gdprRequest"):
                    asked = json.loads(entry.body)
                    erases = share.work.operation == "erase"
                    assert asked["generateOutput"] == (erases and options["generate_output"]), "another job"
                    operation = {"erase": "remove", "restrict": "addRestriction", "unrestrict": "removeRestriction"}
                    assert asked["operationType"] == operation[share.work.operation]
            assert whom(entry) <= allowed, "sent what nobody approved"
            if entry.effect and claim.step.writes:
                self._count(held, entry)

    def _count(self, held: "Open", entry: Entry) -> None:
        for share in held.claim.shares:
            if entry.effect == "erasure_queued":
                if held.claim.step.name == "submit":
                    for item in share.work.due:
                        if item.value in entry.ids:
                            self.effects[share.sub_task.pk, entry.effect, item.value] += 1
            elif entry.effect == "file_deleted":
                self.effects[share.sub_task.pk, entry.effect, entry.path.rpartition("_")[2]] += 1
            elif entry.effect in ("export_fetched",):
                self.effects[share.sub_task.pk, entry.effect, entry.job] += 1
            else:
                self.effects[share.sub_task.pk, entry.effect, ",".join(sorted(whom(entry)))] += 1

    def named(self, sub_task: Any, effect: str) -> int:
        """How many further effects of this kind the trail names as possible."""
        step = STEP_OF.get(effect, "submit")
        said = Event.objects.filter(subject=f"sub_task:{sub_task}")
        named = [event.details["step"] for event in said.filter(action="sub_task.may_repeat")].count(step)
        unknown = [event.details["step"] for event in said.filter(action="sub_task.unknown")]
        return named + sum(unknown.count(lost) for lost in RENEWED_BY.get(step, ()))

    @contextmanager
    def settling(self, held: "Open") -> Iterator[None]:
        """A settle whose call somebody else has ended by now changes nothing but the trail, which tells of it."""
        call = Call.objects.get(pk=held.claim.call.pk)
        if not call.verdict:
            yield
            return
        before, last = everything(), Event.objects.order_by("pk").last()
        yield
        assert everything() == before, "a late settle changed something"
        new = list(Event.objects.filter(pk__gt=last.pk if last else 0).values_list("action", flat=True))
        assert new == ["sub_task.late"] * len(held.claim.shares), new


def verdict(sent: Sent) -> str:
    return str(Call.objects.values_list("verdict", flat=True).get(pk=sent.call))


def identifiers(revision: PlanRevision) -> set[Any]:
    return set(SubTaskIdentifier.objects.filter(sub_task__revision=revision).values_list("identifier", flat=True))


def content(revision: PlanRevision) -> Content:
    """What a plan version says, by account, in plain words: what would be done, how, and to whom."""
    works = revision.sub_tasks.select_related("vendor", "case__data_key")
    return {work.vendor.name: parts(work, work.vendor) for work in works}


def parts(work: SubTask, account: Vendor) -> tuple[Any, ...]:
    uses = work.identifiers.select_related("identifier__case__data_key")
    values = sorted((use.identifier.kind, use.identifier.value()) for use in uses)
    return work.operation, work.by_hand, account.base_url, account.options, values


def as_sent(account: str, kind: str, value: str) -> str:
    from .world import SHOP, hashed

    return hashed(value) if (account, kind) == (SHOP, "customer_id") else value


def whom(entry: Entry) -> set[str]:
    """The people whom a request names, in the vendor's words."""
    if "customerKey" in entry.query:
        return {entry.query["customerKey"]}
    if entry.path.endswith("/dw/dataerasure"):
        return set(json.loads(entry.body)["customerIds"])
    if entry.path.endswith("/data"):
        return {value for _kind, value in list(csv.reader(io.StringIO(entry.body)))[1:]}
    return set()


def everything() -> list[Any]:
    """Every row that a settle could change, but for the times at which cases were last touched."""
    models = (SubTask, SubTaskIdentifier, Vendor, Call, Identifier, Evidence, PlanRevision)
    rows: list[Any] = [list(model.objects.order_by("pk").values()) for model in models]
    cases = [{**row, "updated_at": None} for row in Case.objects.order_by("pk").values()]
    return [*rows, cases]
