"""What the API takes: the shape of each body and query. What a value may be is for `intake` and `lifecycle` to say."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from erasure.reports.spoken import chosen
from erasure.states import (
    CancelReason,
    CaseStatus,
    Channel,
    ExtensionReason,
    Ground,
    Held,
    IdentityMethod,
    IdentityResult,
    InquiryReason,
    Kind,
    LetterKind,
    NotTold,
    RefusalGround,
    Regime,
    ShredReason,
)

from .fields import Base64, Body, Choice, Day, Flag, Id, Items, Moment, QueryFlag, Text, Whole, Word

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


class FileBody(Body):
    """A file that shows what is confirmed. Only the ending of its name is kept, and no content type."""

    name = Text(required=True)
    content = Base64(help_text="In base64 (RFC 4648, section 4); at most 5 MiB when decoded.")
    content_type = Text()


class AttestBody(Body):
    """Either one sub-task, or a vendor's reference that a sub-task of this case has: then everything that the vendor
    took under it is confirmed, in each case that shares it and is not on hold. `held`: whether data of the person was
    held there, for identifiers of which the vendor has not said it (left out: `unknown`); `no`, for one sub-task only,
    says that nothing was held."""

    sub_task = Id(required=False, allow_null=True, default=None)
    vendor_reference = Text()
    note = Text()
    held = Word(Held)
    file = FileBody(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["sub_task"] is None) == (not attrs["vendor_reference"]):
            raise serializers.ValidationError(_("Give either sub_task or vendor_reference."))
        return attrs


class ProposalsBody(Body):
    """Ids of suggested identifiers; to dismiss any takes a note."""

    accept = Items(child=Id(), required=False, default=list)
    dismiss = Items(child=Id(), required=False, default=list)
    note = Text()


class ToldBody(Body):
    """`channel`: how the person was told."""

    channel = Word(Channel, required=True)
    note = Text()


class IdentityBody(Body):
    """`file`: what was seen, if it has to be kept."""

    method = Word(IdentityMethod, required=True)
    result = Word(IdentityResult, required=True)
    note = Text()
    file = FileBody(required=False, allow_null=True, default=None)


class RefuseVendorBody(WorkBody):
    ground = Word(RefusalGround, required=True)
    note = Text()


class AskBody(Body):
    """`channel`: how the person was asked; `on`: the day, today if left out."""

    reason = Word(InquiryReason, required=True)
    channel = Word(Channel, required=True)
    on = Day(required=False, allow_null=True, default=None)
    note = Text()


class AnsweredBody(Body):
    """`on`: the day of the answer, today if left out."""

    reason = Word(InquiryReason, required=True)
    on = Day(required=False, allow_null=True, default=None)
    note = Text()


class ExtendBody(Body):
    """`channel`: how the person was told."""

    reason = Word(ExtensionReason, required=True)
    channel = Word(Channel, required=True)
    note = Text()


class ReplyBody(Body):
    channel = Word(Channel, required=True)
    note = Text()


class ShredBody(Body):
    """`note`: is destroyed with the rest."""

    reason = Word(ShredReason, required=True)
    note = Text()


class RecipientBody(Body):
    """`name`: of a further recipient, which is no vendor of the case; it is sealed and never shown over the API."""

    name = Text(required=True)


class ToldRecipientBody(Body):
    """`recipient`: as the case's `recipients` name it; `channel`: how it was told; `on`: the day, today if left out."""

    recipient = Text(required=True)
    channel = Word(Channel, required=True)
    on = Day(required=False, allow_null=True, default=None)
    note = Text()


class NotToldBody(Body):
    """`recipient`: as the case's `recipients` name it; `note`: what justifies it."""

    recipient = Text(required=True)
    why = Word(NotTold, required=True)
    note = Text(required=True)


class CertificateBody(Body):
    """`language`: en or de; left out, the one that the requester reads, as far as the desk speaks it."""

    language = Text()

    def validate_language(self, code: str) -> str:
        if code and not chosen(code):
            raise serializers.ValidationError(_("is no language that the desk speaks"))
        return chosen(code)


class PreviewBody(Body):
    """`language`: en or de, the person's if left out; `reason` of an extension, `ground` of a refusal. `subject` and
    `body` replace the desk's text and may have the variables of the letter in braces."""

    kind = Word(LetterKind, required=True)
    language = Text()
    reason = Word(ExtensionReason)
    ground = Word(RefusalGround)
    subject = Text()
    body = Text()


class LetterBody(PreviewBody):
    """`channel`: `email` has it sent by the desk; any other says how it is sent otherwise."""

    channel = Word(Channel, required=True)


class LetterIdBody(Body):
    letter = Id()


class CheckBody(Body):
    """`country`: in which phone numbers without a country code are read."""

    identifiers = IdentifierBody(many=True)
    country = Text()


# --- queries ----------------------------------------------------------------------------------------------------------


class PageQuery(Body):
    limit = Whole(min_value=1, max_value=MAX_PAGE, default=50)
    cursor = Text()


class CasesQuery(PageQuery):
    status = Choice(CaseStatus)
    kind = Choice(Kind)
    restricted = QueryFlag(
        required=False, default=None, help_text="Whose restriction is in force; or false, all others."
    )
    due_before = Day(required=False, default=None, help_text="Due before this day.")
    updated_after = Moment(
        required=False,
        default=None,
        help_text="Changed after this time, oldest change first. Ask with an overlap of a minute: a change may become "
        "visible a little after the time it carries.",
    )
