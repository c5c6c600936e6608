"""The vendor accounts, as far as a client needs them."""

from rest_framework.request import Request
from rest_framework.response import Response

from compliance.staff.models import Scope
from erasure.models import Vendor

from . import bodies, vendor_replies
from .base import DeskView, Spec
from .pages import page


class Vendors(DeskView):
    specs = {
        "GET": Spec(
            "list_vendors",
            "The vendor accounts and how they do",
            Scope.VENDORS_READ,
            vendor_replies.VendorsShown,
            query=bodies.PageQuery,
        )
    }

    def get(self, request: Request) -> Response:
        asked = self.query()
        shown = page(
            request,
            Vendor.objects.defer("credentials_sealed"),
            by=("slug",),
            limit=asked["limit"],
            cursor=asked["cursor"],
        )
        return Response(shown.shown(vendor_replies.VendorShown(shown.rows, many=True).data))
