"""What is to be set up first: for administrators a list that ends by being done, for others a sentence."""

import pytest
from django.urls import reverse

from compliance import clock
from compliance.audit import seal
from erasure.models import AlertMail
from tests.erasure.admin.conftest import superuser
from tests.factories import opened_case, person, vendor

from .conftest import markup, panel

ALL_LEFT = ("A worker", "The vendors' hosts", "Two people", "Somebody to tell", "An anchor for the trail")


@pytest.fixture
def bare(settings, shop):
    """A desk as it is after its first migration, with one administrator."""
    settings.VENDOR_HOSTS, settings.VENDOR_LOOPBACK = [], False
    settings.ALERTS_TO, settings.AUDIT_ANCHOR, settings.AUDIT_TIMESTAMP_URL = [], [], ""
    shop.delete()
    superuser()


@pytest.fixture
def set_up(bare, settings):
    """All that is needed, and nothing more."""
    settings.VENDOR_LOOPBACK = True
    vendor()
    person("olive", "intake")
    person("ada", "approver")
    opened_case()
    seal.seal()
    AlertMail.objects.create(pk=1, next_at=clock.now())


def test_a_new_desk_tells_an_administrator_what_to_do_first(home, bare):
    html = markup(home("root"), "first-run")
    said = panel(html, "first-run")
    for step in (*ALL_LEFT, "A vendor account", "The first case"):
        assert f"○ {step}" in said
    for code in ("manage.py work", "VENDOR_HOSTS", "ALERTS_TO", "AUDIT_ANCHOR"):
        assert f"<code>{code}</code>" in html
    for name in ("erasure_vendor_add", "staff_user_add", "erasure_case_add"):
        assert f'href="{reverse(f"admin:{name}")}"' in html
    assert "Set up this desk" in said
    assert "<details" in html
    assert " open>" in html


def test_others_are_told_that_an_administrator_has_to_do_it(home, bare):
    for name, role in (("olive", "intake"), ("vera", "vendor manager"), ("ann", "auditor")):
        said = panel(home(name, role), "first-run")
        assert "An administrator sees on this page" in said
        assert "VENDOR_HOSTS" not in said


def test_what_is_done_is_ticked(home, bare):
    person("olive", "intake")
    said = panel(home("root"), "first-run")
    assert "✓ Two people done" in said
    assert "○ A vendor account" in said


def test_one_person_who_may_do_both_is_not_two(home, bare):
    assert "○ Two people" in panel(home("root"), "first-run")
    person("ann", "auditor")
    assert "○ Two people" in panel(home("root"), "first-run"), "an auditor neither opens nor approves"


def test_what_is_only_worth_setting_up_stays_folded_and_is_shown_to_nobody_else(home, set_up):
    html = markup(home("root"), "first-run")
    said = panel(html, "first-run")
    assert "Worth setting up 2 things left" in said
    assert " open>" not in html
    assert panel(home("olive"), "first-run") == ""


def test_the_list_is_gone_once_all_is_done(home, set_up, settings, tmp_path):
    settings.ALERTS_TO, settings.AUDIT_ANCHOR = ["ops@example.org"], [f"file://{tmp_path}"]
    assert panel(home("root"), "first-run") == ""


def test_the_demo_is_not_told_of_settings_that_it_leaves_out(home, set_up, settings):
    settings.DEMO = "demo"
    assert panel(home("root"), "first-run") == ""


def test_a_desk_without_an_account_says_so_where_its_health_is(home, bare):
    said = panel(home("vera", "vendor manager"), "health")
    assert "There is no vendor account yet. Add the first one" in said
    assert "Add the first one" not in panel(home("ann", "auditor"), "health")
