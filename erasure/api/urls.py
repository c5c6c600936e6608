"""The addresses of the API."""

from django.urls import URLPattern, path, re_path

from . import audit, cases, decisions, vendors
from .base import Nowhere
from .documents import Page, Schema

_DECISIONS: dict[str, type[decisions.Decision]] = {
    "submit": decisions.Submit,
    "approve": decisions.Approve,
    "reject": decisions.Reject,
    "cancel": decisions.Cancel,
    "hold": decisions.Hold,
    "release": decisions.Release,
    "identifiers": decisions.Identifiers,
    "proposals": decisions.Proposals,
    "attest": decisions.Attest,
    "searched": decisions.Searched,
    "retry": decisions.Retry,
    "give-up": decisions.GiveUp,
}

urlpatterns: list[URLPattern] = [
    path("schema/", Schema.as_view(), name="api-schema"),
    path("docs/", Page.as_view(), name="api-docs"),
    path("v1/cases/", cases.Cases.as_view(), name="api-cases"),
    path("v1/cases/search/", cases.Search.as_view(), name="api-search"),
    path("v1/cases/<str:reference>/", cases.Detail.as_view(), name="api-case"),
    path("v1/cases/<str:reference>/plan/", cases.Plan.as_view(), name="api-plan"),
    *(
        path(f"v1/cases/<str:reference>/{name}/", view.as_view(), name=f"api-{name}")
        for name, view in _DECISIONS.items()
    ),
    path("v1/vendors/", vendors.Vendors.as_view(), name="api-vendors"),
    path("v1/audit/", audit.Trail.as_view(), name="api-audit"),
    path("v1/audit/checkpoint/", audit.Checkpoint.as_view(), name="api-checkpoint"),
    re_path(r"^.*$", Nowhere.as_view()),
]
