"""The letters as the desk comes with them, in English: kind → subject and text."""

from erasure.states import LetterKind

_END = """{complain}

Kind regards
{sender}"""

TEXTS: dict[LetterKind, tuple[str, str]] = {
    LetterKind.ACKNOWLEDGEMENT: (
        "We have received your request ({reference})",
        """{greeting}

On {received_on} we received your request for {kind}. Its number is {reference}.

We will answer you by {due_on}. Should it take longer, or should we need something from you, we will tell you before \
then.

You need not do anything now. If you write to us about it, please give the number.

Kind regards
{sender}""",
    ),
    LetterKind.IDENTITY_REQUEST: (
        "A question about your request ({reference})",
        """{greeting}

On {received_on} we received your request for {kind}. Before we act on it we have to be sure that it comes from you, \
so that nobody else can dispose of your data.

Please answer this letter and tell us something that only you and we can know, such as the number of your customer \
account or of an order. Please do not send us a copy of an identity card. We use what you tell us for nothing else.

{clock}

Kind regards
{sender}""",
    ),
    LetterKind.CLARIFICATION_REQUEST: (
        "A question about your request ({reference})",
        """{greeting}

On {received_on} we received your request for {kind}. So that we do what you want, please tell us which data you \
mean: which customer account, which of our services, or which time.

{clock}

Kind regards
{sender}""",
    ),
    LetterKind.EXTENSION: (
        "Your request {reference} takes longer",
        """{greeting}

On {received_on} we received your request for {kind}. We cannot answer it by {due_before}, as {law} has it as a rule.

{reasons}

The law allows us more time for this once. You will have our answer by {due_on} at the latest, and sooner if we can.

"""
        + _END,
    ),
    LetterKind.REFUSAL: (
        "Your request {reference}: we cannot do what you asked for",
        """{greeting}

On {received_on} we received your request for {kind}. We have examined it under {law}, and we cannot do what you \
asked for. This is why:

{ground}

If you think that we are wrong, please write to us and give the number {reference}.

"""
        + _END,
    ),
    LetterKind.COMPLETION: (
        "Your request {reference}: our answer",
        """{greeting}

On {received_on} we received your request for {kind}. This is our answer under {law}.

{done}

{under_way}

{not_done}

If you have a question about this, please write to us and give the number {reference}.

"""
        + _END,
    ),
    LetterKind.RECIPIENTS: (
        "Your request {reference}: who has received your data",
        """{greeting}

You asked us which recipients we have told of your request of {received_on} for {kind}.

{recipients}

Kind regards
{sender}""",
    ),
}
