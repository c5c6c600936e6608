"""What the API tells of letters. The person's name is in none of it."""

from rest_framework import serializers

from erasure.states import Channel, LetterKind, MailState

from .fields import Word, utc_time


class LetterShown(serializers.Serializer):
    """`mail`: how far its e-mail is; `none` for one that was sent another way. Its text is the PDF `evidence`."""

    id = serializers.UUIDField()
    kind = Word(LetterKind, required=True)
    language = serializers.CharField()
    channel = Word(Channel, required=True)
    at = utc_time()
    mail = Word(MailState, required=True)
    tries = serializers.IntegerField()
    code = serializers.CharField(help_text="Why the last try did not send it, or empty.")
    sent_at = utc_time(allow_null=True)
    evidence = serializers.UUIDField(source="evidence_id")


class DraftShown(serializers.Serializer):
    """A letter as it would be sent; `{name}` stands for the person's name, which is put in when it is sent."""

    kind = Word(LetterKind, required=True)
    language = serializers.CharField()
    subject = serializers.CharField()
    body = serializers.CharField()
    mailable = serializers.BooleanField(help_text="Whether it can go out by e-mail.")
    why_not = serializers.CharField(help_text="Why it cannot, or empty.")
