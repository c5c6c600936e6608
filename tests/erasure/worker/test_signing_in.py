"""The account's own call: a token is fetched once, renewed in time, and a refusal blames no case."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from erasure import vendors
from erasure.errors import Invalid
from erasure.models import Call
from erasure.sandbox import Fault
from erasure.states import Pause
from erasure.worker import claims, lanes, pace, settle, signing_in, steps, sweep
from tests.factories import person

from .cdp import Cdp


@pytest.fixture
def login(cdp: Cdp) -> Cdp:
    cdp.sign_in_instead()
    return cdp


def logins(cdp: Cdp) -> int:
    return sum(entry.effect == "token_made" for entry in cdp.acquia.journal.entries())


def test_one_sign_in_serves_every_call_until_its_time_is_over(login: Cdp) -> None:
    login.case("C-1")
    login.run()
    assert [entry.effect for entry in login.acquia.journal.entries()] == ["token_made", "erasure_queued"]
    assert sorted(call.step for call in Call.objects.all()) == ["sign_in", "submit"]
    login.case("C-2")
    login.run()
    assert logins(login) == 1
    login.turn(timedelta(days=1))
    login.case("C-3")
    login.run()
    assert logins(login) == 2
    assert login.batches() == [["C-1"], ["C-2"], ["C-3"]]


def test_while_one_worker_signs_in_another_sends_nothing(login: Cdp) -> None:
    login.case("C-1")
    claim = lanes.next_claim(login.vendor.pk)
    assert isinstance(claim, signing_in.SignIn)
    assert lanes.next_claim(login.vendor.pk) is None
    signing_in.settle(claim, signing_in.perform(claim))
    login.run()
    assert (logins(login), login.batches()) == (1, [["C-1"]])


def test_a_worker_that_dies_while_signing_in_holds_nobody_up(login: Cdp) -> None:
    login.case("C-1")
    claim = lanes.next_claim(login.vendor.pk)
    assert isinstance(claim, signing_in.SignIn)
    login.turn(claims.LEASE + timedelta(seconds=1))
    sweep.tick()
    assert Call.objects.get(pk=claim.call.pk).verdict == "unknown"
    signing_in.settle(claim, signing_in.perform(claim))
    assert login.account().token_sealed is None, "its token came too late"
    login.run()
    assert login.batches() == [["C-1"]]


def test_a_refused_token_is_renewed_once_and_the_work_goes_out(login: Cdp) -> None:
    case = login.case("C-1")
    login.acquia.faults.add(Fault("reply", path="*/dataerasure", status=401))
    login.run()
    assert logins(login) == 2
    assert login.work(case).step == "await_acting"
    assert login.account().pause == ""


def test_a_token_that_is_refused_twice_pauses_the_account_and_blames_no_case(login: Cdp) -> None:
    case = login.case("C-1")
    login.acquia.faults.add(Fault("reply", path="*/dataerasure", status=401, times=2))
    login.run()
    assert (login.account().pause, logins(login)) == (Pause.CREDENTIALS, 2)
    assert login.work(case).status == "ready"
    login.turn(vendors.TRIAL_AFTER_CREDENTIALS + timedelta(seconds=1))
    login.run()
    assert login.account().pause == ""
    assert login.work(case).step == "await_acting"


def test_a_fixed_token_that_is_refused_pauses_the_account_at_once(cdp: Cdp) -> None:
    case = cdp.case("C-1")
    cdp.acquia.faults.add(Fault("reply", path="*/dataerasure", status=401))
    cdp.run()
    assert cdp.account().pause == Pause.CREDENTIALS
    assert cdp.work(case).status == "ready"


def test_a_call_that_used_an_older_token_neither_drops_nor_counts(login: Cdp) -> None:
    login.case("C-1")
    login.once()
    claim = lanes.next_claim(login.vendor.pk)
    assert claim
    vendor = login.account()
    vendors.keep_token(vendor, vendors.Token("newer", None), login.turn(timedelta(0)))  # type: ignore[arg-type]
    newer = vendor.token_number
    login.acquia.faults.add(Fault("reply", path="*/dataerasure", status=401))
    assert not isinstance(claim, signing_in.SignIn)
    settle.settle(claim, steps.perform(claim))
    account = login.account()
    assert (account.token_number, account.token_refusals, account.pause) == (newer, 0, "")
    assert account.token_sealed


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "{}", '{"access_token": 5}', ""])
def test_a_sign_in_that_is_answered_with_nonsense_pauses_the_account(login: Cdp, body: str) -> None:
    case = login.case("C-1")
    login.acquia.faults.add(
        Fault("reply", path="*/authentication", status=200, content_type="application/json", body=body)
    )
    login.run()
    account = login.account()
    assert account.pause == Pause.CREDENTIALS
    assert account.pause_note.startswith("Signing in failed.")
    assert login.work(case).status == "ready"
    assert login.batches() == []


def test_a_sign_in_host_that_is_down_is_asked_again_and_then_paused(login: Cdp) -> None:
    login.case("C-1")
    login.acquia.faults.add(Fault("close", path="*/authentication", times=3))
    for _try in range(3):
        login.run()
        assert login.account().pause == ""
        login.turn(timedelta(minutes=2))
    login.run()
    assert login.batches() == [["C-1"]]


def test_wrong_credentials_are_the_accounts_and_new_ones_resume_it(login: Cdp) -> None:
    case = login.case("C-1")
    login.save(credentials={"password": "wrong"})
    login.run()
    assert login.account().pause == Pause.CREDENTIALS
    login.save(credentials={"password": login.acquia.credentials["password"]})
    assert login.account().pause == ""
    login.run()
    assert login.work(case).step == "await_acting"


def test_the_token_is_sealed_and_stands_in_no_transcript(login: Cdp) -> None:
    login.case("C-1")
    login.run()
    token = login.account().unseal("token")
    assert token
    assert token.encode() not in bytes(login.account().token_sealed)
    for call in Call.objects.all():
        assert token not in str(call.transcript)
        assert login.acquia.credentials["password"] not in str(call.transcript)


def test_new_credentials_end_the_token_of_the_old_ones(login: Cdp) -> None:
    login.case("C-1")
    login.run()
    login.save(credentials={"username": "somebody-else"})
    assert login.account().token_sealed is None


def test_testing_the_connection_signs_in_and_keeps_the_token(login: Cdp) -> None:
    worked, _text = vendors.test(login.account())
    assert worked
    login.case("C-1")
    login.run()
    assert logins(login) == 1


def test_an_account_that_signs_out_ends_its_token_once_nothing_is_left_to_send(login: Cdp) -> None:
    login.save(options={"log_out": True})
    login.case("C-1")
    login.run()
    assert [entry.effect for entry in login.acquia.journal.entries()] == ["token_made", "erasure_queued", "token_ended"]
    assert login.account().token_sealed is None
    login.run()
    assert len(login.acquia.journal.entries()) == 3, "there is nothing to end any more"
    login.case("C-2")
    login.run()
    again = [entry.effect for entry in login.acquia.journal.entries()[3:]]
    assert again == ["token_made", "erasure_queued", "token_ended"]
    assert sorted(call.step for call in Call.objects.all()) == ["sign_in"] * 2 + ["sign_out"] * 2 + ["submit"] * 2


def test_signing_out_in_vain_changes_nothing(login: Cdp) -> None:
    login.save(options={"log_out": True})
    login.acquia.faults.add(Fault("close", "POST", path="*/authentication", times=None))
    vendors.keep_token(
        login.account(), vendors.Token(login.acquia.credentials["token"], None), login.turn(timedelta(0))
    )  # type: ignore[arg-type]
    case = login.case("C-1")
    login.run()
    assert login.work(case).step == "await_acting"
    assert (login.account().pause, login.account().failures) == ("", 0)
    assert Call.objects.get(step="sign_out").verdict == "failed"


def test_stored_credentials_do_not_follow_the_sign_in_to_another_server_on_one_persons_word(login: Cdp) -> None:
    other = {"name": "CDP", "options": {"token_url": "http://127.0.0.1:9/token"}}
    for part in ({}, {"credentials": {"username": "x"}}):
        with pytest.raises(Invalid) as refused:
            vendors.save(other | part, by=person("max"))
        assert {at for at, _text in refused.value.problems} == {"/credentials"}
    vendors.save(other | {"credentials": {"username": "x", "password": "typed-again"}}, by=person("max"))
    assert login.account().opened_credentials().password == "typed-again"


def test_a_token_that_was_fetched_for_what_the_account_was_is_not_kept(login: Cdp) -> None:
    login.case("C-1")
    claim = lanes.next_claim(login.vendor.pk)
    assert isinstance(claim, signing_in.SignIn)
    came = signing_in.perform(claim)
    login.save(base_url="http://127.0.0.1:9/elsewhere")
    signing_in.settle(claim, came)
    assert came.token
    assert login.account().token_sealed is None


def test_sign_ins_do_not_use_up_the_calls_a_minute_of_the_work(login: Cdp) -> None:
    login.save(pace={"calls_per_minute": 1})
    login.acquia.expires_in = 1
    login.case("C-1")
    login.run()
    assert login.batches() == [["C-1"]]


def test_work_whose_sign_in_fails_for_days_needs_attention(login: Cdp) -> None:
    case = login.case("C-1")
    login.acquia.faults.add(Fault("close", path="*/authentication", times=None))
    for _hour in range(24 * 4):
        login.turn(timedelta(hours=1))
        cache.clear()
        login.run()
    assert (login.work(case).status, login.work(case).attention_code) == ("needs_attention", "unreachable")


def test_a_test_that_could_test_nothing_does_not_resume_a_paused_account(cdp: Cdp) -> None:
    cdp.case("C-1")
    cdp.acquia.faults.add(Fault("reply", path="*/dataerasure", status=401))
    cdp.run()
    worked, text = vendors.test(cdp.account())
    assert worked
    assert "cannot be tested" in text
    assert cdp.account().pause == Pause.CREDENTIALS
    assert cdp.told("vendor.tested")[-1]["result"] == "not_tested"


def test_two_calls_that_are_refused_with_the_same_token_pause_nobody(login: Cdp) -> None:
    login.case("C-1")
    login.case("C-2", regime="ccpa", country="US", subdivision="CA")
    login.once()
    first, second = lanes.next_claim(login.vendor.pk), lanes.next_claim(login.vendor.pk)
    assert isinstance(first, claims.Claim)
    assert isinstance(second, claims.Claim)
    login.acquia.faults.add(Fault("reply", path="*/dataerasure", status=401, times=2))
    for claim in (first, second):
        settle.settle(claim, steps.perform(claim))
    assert login.account().pause == ""
    login.run()
    assert sorted(login.batches()[2:]) == [["C-1"], ["C-2"]]


@pytest.mark.parametrize(
    "corrected", [{"credentials": {"token": "another"}}, {"base_url": "http://127.0.0.1:9"}], ids=["token", "address"]
)
def test_a_refusal_of_an_account_that_has_been_corrected_meanwhile_pauses_nobody(
    cdp: Cdp, corrected: dict[str, Any]
) -> None:
    cdp.case("C-1")
    claim = lanes.next_claim(cdp.vendor.pk)
    assert isinstance(claim, claims.Claim)
    cdp.acquia.faults.add(Fault("reply", path="*/dataerasure", status=401))
    came = steps.perform(claim)
    cdp.save(**corrected)
    settle.settle(claim, came)
    assert cdp.account().pause == ""


def test_a_sign_in_that_kills_its_worker_each_time_pauses_the_account(login: Cdp) -> None:
    login.case("C-1")
    for _death in range(pace.FAILURES_TO_PAUSE):
        assert isinstance(lanes.next_claim(login.vendor.pk), signing_in.SignIn)
        login.turn(claims.LEASE + timedelta(seconds=1))
        sweep.tick()
    assert login.account().pause == Pause.FAILURES
