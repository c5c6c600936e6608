"""The pages on which administrators change the texts for letters."""

from html import unescape
from typing import Any

import pytest
from django.urls import reverse

from compliance.audit.models import Event
from erasure.letters import texts
from erasure.models import LetterTemplate

from .conftest import told

LIST = "admin:erasure_lettertemplate_changelist"


def of(name: str) -> str:
    return reverse("admin:erasure_lettertemplate_change", args=[name])


@pytest.fixture
def root(signed_in: Any) -> Any:
    return signed_in("root", "administrator")


def test_all_texts_are_listed_and_lead_to_their_pages(root):
    said = root.get(reverse(LIST)).content.decode()
    for name in ("acknowledgement-en", "completion-de", "recipients-de", "identity_request-en"):
        assert of(name) in said
    assert said.count("as it came") == 14


def test_a_text_is_changed_and_restored(root):
    address = of("completion-en")
    assert texts.came_with("completion", "en")[1] in unescape(root.get(address).content.decode())
    answer = root.post(address, {"subject": "Done", "body": "{greeting}\n\n{done}"})
    assert answer.url == reverse(LIST)
    assert texts.text_of("completion", "en") == ("Done", "{greeting}\n\n{done}")
    assert "Changed" in root.get(address).content.decode()
    (event,) = Event.objects.filter(action="letter_text.changed")
    assert "Done" not in event.canonical
    root.post(address, {"_restore": "1"})
    assert not LetterTemplate.objects.exists()
    assert Event.objects.filter(action="letter_text.restored").count() == 1


@pytest.mark.parametrize("word", ["ground", "name.pk", "%s", "settings"])
def test_a_variable_that_there_is_not_is_an_error_that_names_it(root, word):
    response = root.post(of("completion-en"), {"subject": "Done", "body": f"Dear {{{word}}}"})
    assert response.status_code == 422
    assert f"There is no variable {{{word}}} in this letter." in unescape(response.content.decode())
    assert not LetterTemplate.objects.exists()


def test_a_text_that_leaves_out_what_a_refusal_owes_the_person_is_taken_with_a_warning(root):
    answer = root.post(of("refusal-en"), {"subject": "No", "body": "{greeting}\n\nNo.\n\n{ground}"})
    assert told(answer)[-2] == "The text was changed."
    assert told(answer)[-1].endswith("or does not say it: {complain}.")


def test_nothing_changed_is_said(root):
    subject, body = texts.came_with("refusal", "de")
    assert told(root.post(of("refusal-de"), {"subject": subject, "body": body}))[-1] == "Nothing was changed."
    assert told(root.post(of("refusal-de"), {"_restore": "1"}))[-1] == "Nothing was changed."
    assert not Event.objects.filter(action__startswith="letter_text").exists()


@pytest.mark.parametrize("name", ["poem-en", "refusal-fr", "refusal", "1"])
def test_a_text_that_there_is_not_is_not_found(root, name):
    assert root.get(of(name)).status_code == 404
    assert root.post(of(name), {"subject": "x", "body": "y"}).status_code == 404


@pytest.mark.parametrize("role", ["intake", "approver", "auditor"])
def test_others_read_and_change_nothing(signed_in, role):
    client = signed_in("somebody", role)
    assert client.get(reverse(LIST)).status_code == 200
    page = client.get(of("refusal-en"))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert client.post(of("refusal-en"), {"subject": "x", "body": "y"}).status_code == 403
    assert client.post(of("refusal-en"), {"_restore": "1"}).status_code == 403
    assert not LetterTemplate.objects.exists()
