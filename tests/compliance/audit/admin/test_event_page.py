import pytest
from django.db import connection
from django.urls import reverse

from compliance.audit import seal, triggers
from compliance.audit.merkle import leaf_hash, node_hash
from compliance.audit.models import Event


@pytest.fixture
def shown(auditor):
    """The page of an event: its answer, with what the template was given."""

    def get(event: Event):
        answer = auditor.get(reverse("admin:audit_event_change", args=[event.pk]))
        assert answer.status_code == 200
        return answer

    return get


@pytest.fixture
def tamper(db):
    """Changes a column of an event as the database's owner can. The triggers come back with the test's rollback."""

    def change(event: Event, column: str, value: str) -> None:
        triggers.remove(connection)
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE audit_event SET {column} = %s WHERE id = %s", [value, event.pk])

    return change


def test_it_shows_the_canonical_text_and_no_way_to_change_it(shown, auditor, tell):
    event = tell()
    page = shown(event).content.decode()
    assert event.leaf_hash in page
    assert "&quot;action&quot;:&quot;test.happened&quot;" in page
    assert 'name="_save"' not in page
    assert auditor.post(reverse("admin:audit_event_change", args=[event.pk]), {"actor": "user:1"}).status_code == 403


def test_an_event_that_is_not_sealed_has_no_proof_yet(shown, tell):
    answer = shown(tell())
    assert answer.context["proof"] is None
    assert answer.context["faults"] == []
    assert "not yet sealed" in answer.content.decode()


@pytest.mark.parametrize("number", range(7))
def test_its_proof_leads_to_the_root_of_the_newest_checkpoint(shown, tell, number):
    """The seven leaves of RFC 9162's own example (section 2.1.5), each proof put together by hand."""
    seal.public_keys()  # the key's own event is one of them
    while Event.objects.count() < 7:
        tell()
    seal.seal()
    events = list(Event.objects.order_by("leaf__index"))
    a, b, c, d, e, f, j = (leaf_hash(event.canonical.encode()) for event in events)
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, m = node_hash(g, h), node_hash(i, j)
    path = [[b, h, m], [a, h, m], [d, g, m], [c, g, m], [f, j, k], [e, j, k], [i, k]][number]
    answer = shown(events[number])
    assert answer.context["proof"].hashes == [node.hex() for node in path]
    page = answer.content.decode()
    assert all(node.hex() in page for node in path)
    assert node_hash(k, m).hex() in page


def test_it_names_the_checkpoint_that_first_covered_it_and_the_newest(shown, tell):
    seal.public_keys()
    seal.seal()
    event = tell()
    seal.seal()
    first = seal.newest()
    tell()
    seal.seal()
    answer = shown(event)
    proof = answer.context["proof"]
    assert (proof.index, proof.first, proof.newest) == (first.size - 1, first, seal.newest())
    page = answer.content.decode()
    assert reverse("admin:audit_event_checkpoint_at", args=[first.size]) in page
    assert "The desk has just computed it anew" in page
    assert answer.context["faults"] == []


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("actor", "user:1", "not what the canonical text says"),
        ("leaf_hash", "00" * 32, "does not make the leaf hash"),
        ("leaf_hash", "00" * 32, "do not make the root"),
    ],
)
def test_what_does_not_fit_is_named(shown, tell, tamper, column, value, fault):
    event = tell()
    seal.seal()
    tamper(event, column, value)
    answer = shown(event)
    assert any(fault in text for text in answer.context["faults"])
    assert "computed it anew" not in answer.content.decode()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"details":7}'])
def test_a_text_that_nothing_can_read_hides_no_page(shown, listed, tell, tamper, text):
    event = tell()
    seal.seal()
    tamper(event, "canonical", text)
    assert "does not make the leaf hash" in shown(event).content.decode()
    assert reverse("admin:audit_event_change", args=[event.pk]) in listed()


def test_an_event_beside_it_that_was_changed_shows_too(shown, tell, tamper):
    event, beside = tell(), tell()
    seal.seal()
    tamper(beside, "leaf_hash", "00" * 32)
    assert [fault for fault in shown(event).context["faults"] if "or one beside it" in fault]


def test_a_long_log_is_proven_from_a_few_blocks_of_rows(shown, tell, django_assert_max_num_queries):
    event = tell()
    for _number in range(700):
        tell()
    seal.seal()
    with django_assert_max_num_queries(16):
        answer = shown(event)
    assert answer.context["faults"] == []
    assert len(answer.context["proof"].hashes) == 10
