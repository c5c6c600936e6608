"""Letters to the person: confirmation of receipt, questions, extension, refusal, reply, recipients.

    texts, texts_en, texts_de   the texts with their variables: as the desk came with them, and as it has them now
    values, done, recipients    what the variables stand for in one case
    sheet                       the PDF
    writing                     a draft, and sending it: what the law knows of it, PDF and e-mail in one transaction
    sender, post                whom letters come from; sending their e-mails, outside every transaction

The name of the person is put in only when a letter is sent; events hold a letter's id, kind, channel and hash alone.
"""

from .post import arrived, look_after, put_in_doubt, send_again
from .writing import PERMISSIONS, Draft, Sent, filled, printed, send, why_not_mail, write

__all__ = [
    "PERMISSIONS",
    "Draft",
    "Sent",
    "arrived",
    "filled",
    "look_after",
    "printed",
    "put_in_doubt",
    "send",
    "send_again",
    "why_not_mail",
    "write",
]
