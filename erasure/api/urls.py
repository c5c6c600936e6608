"""The addresses of the API."""

from django.urls import URLPattern, path, re_path

from . import audit, cases, decisions, ledger, letters, packs, scope_decisions, seals, shredding, suppression, vendors
from .base import Change, Nowhere
from .documents import Page, Schema

_DECISIONS: dict[str, type[Change]] = {
    "submit": decisions.Submit,
    "approve": decisions.Approve,
    "reject": decisions.Reject,
    "cancel": decisions.Cancel,
    "hold": decisions.Hold,
    "release": decisions.Release,
    "identifiers": decisions.Identifiers,
    "proposals": decisions.Proposals,
    "identity": scope_decisions.Identity,
    "refuse-vendor": scope_decisions.RefuseVendor,
    "take-back-refusal": scope_decisions.TakeBackRefusal,
    "told-of-lifting": scope_decisions.ToldOfLifting,
    "acknowledge": decisions.Acknowledge,
    "ask": decisions.Ask,
    "answered": decisions.Answered,
    "extend": decisions.Extend,
    "reply": decisions.Reply,
    "recipients": ledger.Recipients,
    "recipients/told": ledger.Told,
    "recipients/not-told": ledger.NotTold,
    "attest": decisions.Attest,
    "searched": decisions.Searched,
    "retry": decisions.Retry,
    "give-up": decisions.GiveUp,
    "shred": shredding.Ask,
    "shred/withdraw": shredding.Withdraw,
    "shred/approve": shredding.Approve,
    "letters": letters.Send,
    "letters/preview": letters.Preview,
    "letters/send-again": letters.SendAgain,
    "letters/arrived": letters.Arrived,
}

urlpatterns: list[URLPattern] = [
    path("schema/", Schema.as_view(), name="api-schema"),
    path("docs/", Page.as_view(), name="api-docs"),
    path("v1/cases/", cases.Cases.as_view(), name="api-cases"),
    path("v1/cases/search/", cases.Search.as_view(), name="api-search"),
    path("v1/cases/<str:reference>/", cases.Detail.as_view(), name="api-case"),
    path("v1/cases/<str:reference>/plan/", cases.Plan.as_view(), name="api-plan"),
    path("v1/cases/<str:reference>/certificate/", packs.CertificateOf.as_view(), name="api-certificate"),
    path("v1/cases/<str:reference>/pack/", packs.Pack.as_view(), name="api-pack"),
    *(
        path(f"v1/cases/<str:reference>/{name}/", view.as_view(), name=f"api-{name}")
        for name, view in _DECISIONS.items()
    ),
    path("v1/suppression/check/", suppression.Check.as_view(), name="api-suppression-check"),
    path("v1/vendors/", vendors.Vendors.as_view(), name="api-vendors"),
    path("v1/audit/", audit.Trail.as_view(), name="api-audit"),
    path("v1/audit/checkpoint/", seals.Checkpoint.as_view(), name="api-checkpoint"),
    path("v1/audit/proof/", seals.Inclusion.as_view(), name="api-proof"),
    path("v1/audit/consistency/", seals.Consistency.as_view(), name="api-consistency"),
    path("v1/audit/key/", seals.Keys.as_view(), name="api-key"),
    re_path(r"^.*$", Nowhere.as_view()),
]
