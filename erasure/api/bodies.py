"""What the API takes: the shape of each body and query. What a value may be is for `intake` and `lifecycle` to say."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from erasure.states import CancelReason, CaseStatus, Channel, Ground, Kind, RefusalGround, Regime

from .fields import Body, Choice, Day, Flag, Id, Items, Moment, Text, Whole, Word

MAX_PAGE = 200
MAX_VENDORS = 1000


class IdentifierBody(Body):
    kind = Text(required=True)
    value = Text(required=True)


class RequesterBody(Body):
    name = Text()
    reply_to = Text()
    language = Text()
    acting_for = Text()


class OpenBody(Body):
    kind = Word(Kind, required=True)
    regime = Word(Regime, required=True)
    ground = Word(Ground, required=True)
    identifiers = IdentifierBody(many=True)
    country = Text()
    subdivision = Text()
    channel = Word(Channel)
    received_at = Moment(required=False, allow_null=True, default=None)
    external_id = Text()
    requester = RequesterBody(required=False, allow_null=True, default=None)
    vendors = Items(
        child=Text(required=True),
        required=False,
        allow_null=True,
        allow_empty=False,
        max_length=MAX_VENDORS,
        default=None,
    )
    submit = Flag(default=False)


class ExternalIdBody(Body):
    external_id = Text(required=True)


class SearchBody(Body):
    """Either an identifier or an external id."""

    identifier = IdentifierBody(required=False, allow_null=True, default=None)
    external_id = Text()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["identifier"] is None) == (not attrs["external_id"].strip()):
            raise serializers.ValidationError(_("Give either an identifier or an external id."))
        return attrs


class ApproveBody(Body):
    plan_digest = Text(required=True)
    note = Text()


class RejectBody(Body):
    ground = Word(RefusalGround, required=True)
    note = Text()


class CancelBody(Body):
    reason = Word(CancelReason, required=True)
    note = Text()
    duplicate_of = Text()


class NoteBody(Body):
    note = Text()


class WorkBody(Body):
    """`sub_task` is the id of a vendor's part of this case."""

    sub_task = Id()


class WorkNoteBody(WorkBody):
    note = Text()


class AttestBody(Body):
    """Either one sub-task, or all of this case that share a vendor's reference."""

    sub_task = Id(required=False, allow_null=True, default=None)
    vendor_reference = Text()
    note = Text()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["sub_task"] is None) == (not attrs["vendor_reference"]):
            raise serializers.ValidationError(_("Give either sub_task or vendor_reference."))
        return attrs


class ProposalsBody(Body):
    accept = Items(child=Id(), required=False, default=list)
    dismiss = Items(child=Id(), required=False, default=list)
    note = Text()


# --- queries ----------------------------------------------------------------------------------------------------------


class PageQuery(Body):
    limit = Whole(min_value=1, max_value=MAX_PAGE, default=50)
    cursor = Text()


class CasesQuery(PageQuery):
    status = Choice(CaseStatus)
    kind = Choice(Kind)
    due_before = Day(required=False, default=None, help_text="Due before this day.")
    updated_after = Moment(
        required=False,
        default=None,
        help_text="Changed after this time, oldest change first. Ask with an overlap of a minute: a change may become "
        "visible a little after the time it carries.",
    )
