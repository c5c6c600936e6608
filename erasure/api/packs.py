"""What a case can be proven by: the regulator pack, and the certificate for the person."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from compliance.audit.record import actor_of
from compliance.staff.models import Scope
from erasure import actions
from erasure.reports import certificate
from erasure.reports.pack import export_pack

from . import bodies, replies
from .base import Change, DeskView, Spec
from .cases import find
from .exports import demand_room


class Pack(DeskView):
    specs = {
        "GET": Spec(
            "get_pack",
            "The regulator pack of a case: a zip to read, to check and to pass on",
            Scope.CASES_READ,
            {
                (200, "application/zip"): bytes,
                (409, "application/problem+json"): None,
                (429, "application/problem+json"): None,
            },
            also=Scope.AUDIT_READ,
        )
    }

    def get(self, request: Request, reference: str) -> HttpResponse:
        case, actor = find(reference), actor_of(request.user)
        demand_room(actor)
        pack = export_pack(case, actor=actor)
        return HttpResponse(
            pack.content,
            content_type="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{pack.name}"'},
        )


class CertificateOf(Change):
    specs = {
        "GET": Spec(
            "get_certificate",
            "The newest certificate of a case, for the person, whose name it has",
            Scope.CASES_READ,
            {(200, "application/pdf"): bytes, (429, "application/problem+json"): None},
            also=Scope.CASES_WRITE,
        ),
        "POST": Spec(
            "make_certificate",
            "Make the certificate of a case that has ended; if nothing has changed, the one that there is",
            Scope.CASES_WRITE,
            replies.CertificateShown,
            body=bodies.CertificateBody,
            status=201,
        ),
    }

    def get(self, request: Request, reference: str) -> HttpResponse:
        case = find(reference)
        demand_room(actor_of(request.user), actions.EVIDENCE_DOWNLOADED)
        found = certificate.latest(case, by=request.user)
        return HttpResponse(
            found.content,
            content_type="application/pdf",
            headers={"Content-Disposition": f'attachment; filename="{found.name}"'},
        )

    def act(self, values: dict[str, Any], **where: str) -> Any:
        made = certificate.issue(find(where["reference"]), by=self.request.user, **values)
        return replies.CertificateShown(made.evidence).data
