"""The letters as the desk comes with them, in German: kind → subject and text."""

from erasure.states import LetterKind

_END = """{complain}

Mit freundlichen Grüßen
{sender}"""

TEXTS: dict[LetterKind, tuple[str, str]] = {
    LetterKind.ACKNOWLEDGEMENT: (
        "Wir haben Ihren Antrag erhalten ({reference})",
        """{greeting}

am {received_on} haben wir Ihren Antrag erhalten. Sie möchten {kind}. Der Antrag hat die Nummer {reference}.

Wir antworten Ihnen bis zum {due_on}. Sollte es länger dauern oder sollten wir etwas von Ihnen brauchen, sagen wir es \
Ihnen vorher.

Sie brauchen jetzt nichts zu tun. Wenn Sie uns dazu schreiben, nennen Sie bitte die Nummer.

Mit freundlichen Grüßen
{sender}""",
    ),
    LetterKind.IDENTITY_REQUEST: (
        "Eine Frage zu Ihrem Antrag ({reference})",
        """{greeting}

am {received_on} haben wir Ihren Antrag erhalten. Sie möchten {kind}. Bevor wir etwas tun, müssen wir sicher sein, \
dass er von Ihnen kommt, damit niemand anderes über Ihre Daten verfügt.

Bitte antworten Sie auf dieses Schreiben und nennen Sie uns etwas, das nur Sie und wir wissen können, etwa die Nummer \
Ihres Kundenkontos oder einer Bestellung. Bitte schicken Sie uns keine Kopie Ihres Ausweises. Was Sie uns mitteilen, \
verwenden wir für nichts anderes.

{clock}

Mit freundlichen Grüßen
{sender}""",
    ),
    LetterKind.CLARIFICATION_REQUEST: (
        "Eine Frage zu Ihrem Antrag ({reference})",
        """{greeting}

am {received_on} haben wir Ihren Antrag erhalten. Sie möchten {kind}. Damit wir tun, was Sie möchten, teilen Sie uns \
bitte mit, welche Daten Sie meinen: welches Kundenkonto, welches unserer Angebote oder welchen Zeitraum.

{clock}

Mit freundlichen Grüßen
{sender}""",
    ),
    LetterKind.EXTENSION: (
        "Ihr Antrag {reference} braucht mehr Zeit",
        """{greeting}

am {received_on} haben wir Ihren Antrag erhalten. Sie möchten {kind}. Wir können ihn nicht bis zum {due_before} \
beantworten, wie es in der Regel vorgesehen ist ({law}).

{reasons}

Das Gesetz gibt uns dafür einmal mehr Zeit. Sie erhalten unsere Antwort spätestens am {due_on}, wenn möglich früher.

"""
        + _END,
    ),
    LetterKind.REFUSAL: (
        "Ihr Antrag {reference}: Wir können ihm nicht entsprechen",
        """{greeting}

am {received_on} haben wir Ihren Antrag erhalten. Sie möchten {kind}. Wir haben ihn geprüft ({law}) und können ihm \
nicht entsprechen. Der Grund:

{ground}

Wenn Sie meinen, dass wir uns irren, schreiben Sie uns bitte und nennen Sie die Nummer {reference}.

"""
        + _END,
    ),
    LetterKind.COMPLETION: (
        "Ihr Antrag {reference}: unsere Antwort",
        """{greeting}

am {received_on} haben wir Ihren Antrag erhalten. Sie möchten {kind}. Dies ist unsere Antwort ({law}).

{done}

{under_way}

{not_done}

Wenn Sie Fragen dazu haben, schreiben Sie uns bitte und nennen Sie die Nummer {reference}.

"""
        + _END,
    ),
    LetterKind.RECIPIENTS: (
        "Ihr Antrag {reference}: Wer Ihre Daten erhalten hat",
        """{greeting}

Sie haben gefragt, welche Empfänger wir über Ihren Antrag vom {received_on} unterrichtet haben. Sie möchten {kind}.

{recipients}

Mit freundlichen Grüßen
{sender}""",
    ),
}
