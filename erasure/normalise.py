"""What an identifier must look like, by kind: its exact text, and the normal form it is found again by."""

import re
import unicodedata
import uuid
from dataclasses import dataclass, field

import phonenumbers
from django.utils.translation import gettext as _
from email_validator import EmailNotValidError, validate_email

from erasure.connectors.base import KIND

MAX_LENGTH = 512
#: Kinds that every desk knows; any other lower-case word is good if a vendor account maps it to a name of its own.
KNOWN_KINDS = (
    "email",
    "phone",
    "customer_id",
    "customer_key",
    "visitor_id",
    "cookie_id",
    "x1_id",
    "device_id",
)


@dataclass(frozen=True)
class Normal:
    """`value` is kept and sent; `match` is what fingerprints are made of."""

    value: str = field(repr=False)
    match: str = field(repr=False)


def normalise(kind: str, value: str, *, country: str = "") -> Normal:
    """The normal form of an identifier, or ValueError with a sentence for the person who typed it.

    Vendors compare and hash exact text. An e-mail address keeps its case and is *matched* without; a phone number
    becomes E.164 (a national one is read in `country`). Spaces around what has a form of its own are taken away; a free
    id stays exactly as it is, so spaces around one are refused: they would look for nobody, and nobody would see it.
    """
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in value):
        raise ValueError(_("It holds a line break or another control character. Type it anew."))
    text = value.strip()
    if not text:
        raise ValueError(_("It is empty."))
    if len(text) > MAX_LENGTH:
        raise ValueError(_("It is longer than %(max)s characters.") % {"max": MAX_LENGTH})
    if kind not in _RULES and text != value:
        raise ValueError(_("It begins or ends with a space. Ids are looked up exactly as typed: leave the space out."))
    return _RULES.get(kind, _free)(text, country)


def is_country(code: str) -> bool:
    """Whether this is a country's code of ISO 3166-1 (two capital letters), as far as anybody has a telephone there."""
    return code in phonenumbers.SUPPORTED_REGIONS


def check_kind(kind: str) -> None:
    """ValueError unless `kind` is a lower-case word."""
    if not KIND.fullmatch(kind):
        raise ValueError(_("A kind is a lower-case word of letters, digits and underscores."))


def clean_text(value: str, *, max_length: int, lines: bool = False) -> str:
    """Free text from people without control characters (line breaks only where `lines`), or ValueError."""
    allowed = "\n\r\t" if lines else ""
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character not in allowed for character in value):
        raise ValueError(_("It holds a control character."))
    if len(value) > max_length:
        raise ValueError(_("It is longer than %(max)s characters.") % {"max": max_length})
    return value.strip()


def _email(text: str, country: str) -> Normal:
    try:
        parts = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise ValueError(_("It is not an e-mail address.")) from None
    return Normal(text, unicodedata.normalize("NFC", parts.normalized).casefold())


def _phone(text: str, country: str) -> Normal:
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise ValueError(_("It is not a phone number. Write it with its country code, such as +49 30 123456."))
    if number.extension:
        raise ValueError(_("A phone number with an extension cannot be looked up. Leave the extension out."))
    normal = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Normal(normal, normal)


def _uuid(text: str, country: str) -> Normal:
    if not re.fullmatch(r"\{?[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\}?", text):
        raise ValueError(_("It is not a UUID, such as 3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00."))
    return Normal(text, uuid.UUID(text).hex)


def _sha256(text: str, country: str) -> Normal:
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        raise ValueError(_("It is not a SHA-256 key (64 hexadecimal digits)."))
    return Normal(text.lower(), text.lower())


def _free(text: str, country: str) -> Normal:
    return Normal(text, text)


_RULES = {"email": _email, "phone": _phone, "visitor_id": _uuid, "customer_key": _sha256}


def mask(kind: str, value: str) -> str:
    """What staff see of a value until it is revealed: enough to tell two apart, too little to know either."""
    if kind == "email" and "@" in value:
        local, _at, domain = value.rpartition("@")
        return f"{local[:1]}•••@{domain[:1]}•••{domain[domain.rfind('.') :] if '.' in domain else ''}"
    if len(value) < 8:
        return "•••"
    return f"•••{value[-2:]}"
