"""Who the person is, what is refused at one vendor, and the notice before a lifting, by the API."""

import base64

from django.test import override_settings

from compliance.deadlines import adjusted
from erasure.models import Evidence
from tests.erasure.api.conftest import pointers, refused
from tests.erasure.api.test_decisions import approve, at, part

REQUIRED = override_settings(REGIMES=adjusted({"gdpr": {"identity": "required"}}))


@REQUIRED
def test_a_plan_that_needs_a_check_is_approved_after_it(crm, legal, opened):
    case = opened(submit=True)
    assert case["identity"] is None
    problem = refused(
        legal.post(at(case, "approve/"), {"plan_digest": case["plan_digest"]}), 409, "identity_not_proven"
    )
    assert "has to be checked" in problem["detail"]
    case = crm.post(at(case, "identity/"), {"method": "contact", "result": "proven", "note": "Answered us."}).json()
    assert (case["identity"]["method"], case["identity"]["result"]) == ("contact", "proven")
    assert approve(legal, case)["status"] == "in_progress"


def test_what_was_seen_is_kept_as_evidence(crm, opened, settings, tmp_path):
    settings.EVIDENCE_DIR = tmp_path
    seen = {"name": "passport.png", "content": base64.b64encode(b"picture").decode()}
    case = crm.post(at(opened(), "identity/"), {"method": "document", "result": "proven", "file": seen}).json()
    assert [item["kind"] for item in case["evidence"]] == ["identity"]
    assert Evidence.objects.get().sub_task is None


def test_a_check_takes_a_method_and_a_result(crm, opened):
    case = opened()
    assert pointers(refused(crm.post(at(case, "identity/"), {}), 422, "invalid")) == ["/method", "/result"]
    sent = {"method": "guess", "result": "proven"}
    assert pointers(refused(crm.post(at(case, "identity/"), sent), 422, "invalid")) == ["/method"]


def test_a_vendor_is_refused_within_the_plan_which_somebody_else_approves(crm, legal, opened):
    case = opened(submit=True)
    before = case["plan_digest"]
    archive = part(case, "paper-archive")
    sent = {"sub_task": archive["id"], "ground": "legal_obligation", "note": "Ten years."}
    case = legal.post(at(case, "refuse-vendor/"), sent).json()
    assert case["plan_digest"] != before
    assert part(case, "paper-archive")["reason"] == "refused:legal_obligation"
    assert "legal obligation" in part(case, "paper-archive")["reason_text"]
    refused(legal.post(at(case, "approve/"), {"plan_digest": case["plan_digest"]}), 403, "four_eyes")
    sent = {"sub_task": part(case, "shop-search")["id"], "ground": "legal_claims"}
    refused(legal.post(at(case, "refuse-vendor/"), sent), 409, "refuses_all")

    case = legal.post(at(case, "take-back-refusal/"), {"sub_task": part(case, "paper-archive")["id"]}).json()
    assert part(case, "paper-archive")["reason"] == "by_hand"
    refused(
        legal.post(at(case, "take-back-refusal/"), {"sub_task": part(case, "paper-archive")["id"]}), 409, "not_refused"
    )


def test_approved_work_that_was_not_sent_is_refused_and_the_case_ends_partly_completed(crm, legal, opened):
    case = approve(legal, opened(submit=True))
    sent = {"sub_task": part(case, "shop-search")["id"], "ground": "expression"}
    case = legal.post(at(case, "refuse-vendor/"), sent).json()
    shop = part(case, "shop-search")
    assert (shop["status"], {use["outcome"] for use in shop["identifiers"]}) == ("stopped", {"refused"})
    refused(legal.post(at(case, "refuse-vendor/"), sent), 409, "not_refusable")
    archive = part(case, "paper-archive")["id"]
    case = crm.post(at(case, "attest/"), {"sub_task": archive, "note": "Shredded."}).json()
    assert case["status"] == "partly_completed"


def test_a_restriction_enters_the_register_and_leaves_it_by_a_lifting_of_which_the_person_was_told(crm, legal, opened):
    only = {"vendors": ["paper-archive"], "submit": True}
    case = approve(legal, opened(kind="restriction", **only))
    case = crm.post(at(case, "attest/"), {"sub_task": case["sub_tasks"][0]["id"], "note": "Locked."}).json()
    assert case["restricted_at"] and not case["lifted_at"]
    in_force = crm.get("/api/v1/cases/?restricted=true").json()["results"]
    assert [item["reference"] for item in in_force] == [case["reference"]]
    assert crm.get("/api/v1/cases/?restricted=false").json()["results"] == []
    assert pointers(refused(crm.get("/api/v1/cases/?restricted=maybe"), 422, "invalid")) == ["/restricted"]

    lifting = approve(legal, opened(kind="lift_restriction", **only))
    assert (lifting["status"], lifting["sub_tasks"][0]["status"]) == ("in_progress", "planned")
    assert "has to be told" in lifting["waits_for"]
    lifting = crm.post(at(lifting, "told-of-lifting/"), {"channel": "email"}).json()
    assert lifting["told_of_lifting_at"]
    refused(crm.post(at(lifting, "told-of-lifting/"), {"channel": "email"}), 409, "already_told")
    refused(crm.post(at(case, "told-of-lifting/"), {"channel": "email"}), 409, "not_a_lifting")
    lifting = crm.post(at(lifting, "attest/"), {"sub_task": lifting["sub_tasks"][0]["id"], "note": "Unlocked."}).json()
    assert lifting["status"] == "completed"
    assert crm.get(at(case)).json()["lifted_at"]
    assert crm.get("/api/v1/cases/?restricted=true").json()["results"] == []
