"""A real time-stamping authority: `openssl ts` with certificates made for the run."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CONFIG = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
default_policy = 1.3.6.1.4.1.99999.1
digests = {digests}
signer_digest = sha256
ess_cert_id_alg = sha256
"""
_NO_USE = dict.fromkeys(
    (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ),
    False,
)


class Authority:
    """`root` is the file of the certificate that a client trusts. The signer's own is under another one between them,
    which the replies bring with them; the signer's, which comes first, is the longer one, and so not in DER's order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = folder / "root.pem"
        top, middle, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        issues = (
            x509.BasicConstraints(ca=True, path_length=None),
            x509.KeyUsage(**_NO_USE | {"key_cert_sign": True}),
        )
        stamps = (
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]),
            x509.KeyUsage(**_NO_USE | {"digital_signature": True}),
        )
        pem = serialization.Encoding.PEM
        for name, made in (
            ("root", _certificate("Root", top, "Root", top, *issues)),
            ("middle", _certificate("Middle", middle, "Root", top, *issues)),
            ("signer", _certificate("Authority" * 7, own, "Middle", middle, *stamps)),
        ):
            (folder / f"{name}.pem").write_bytes(made.public_bytes(pem))
        (folder / "signer.key").write_bytes(
            own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )

    def answer(self, query: bytes, *, digests: str = "sha256") -> bytes:
        """The reply to a query; a refusal if its digest is none of `digests`."""
        files = {name: self._folder / name for name in ("query", "config", "reply")}
        files["query"].write_bytes(query)
        files["config"].write_text(_CONFIG.format(folder=self._folder, digests=digests))
        run = ("openssl", "ts", "-reply", "-section", "here", "-queryfile", files["query"], "-config", files["config"])
        keys = ("-signer", self._folder / "signer.pem", "-inkey", self._folder / "signer.key")
        chain = ("-chain", self._folder / "middle.pem")
        subprocess.run([*run, *keys, *chain, "-out", files["reply"]], check=True, capture_output=True, timeout=30)
        return files["reply"].read_bytes()


def verified(receipt: Path, checkpoint: Path, root: Path) -> tuple[bool, str]:
    """What an auditor sees who has openssl alone."""
    files = ("-in", receipt, "-data", checkpoint, "-CAfile", root)
    done = subprocess.run(["openssl", "ts", "-verify", *files], capture_output=True, text=True, timeout=30)
    return done.returncode == 0, done.stdout + done.stderr


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signed_by: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        _name(issuer),
        _name(subject),
        key.public_key(),
        x509.random_serial_number(),
        now - timedelta(days=1),
        now + timedelta(days=1),
    )
    for extension in extensions:
        made = made.add_extension(extension, critical=True)
    return made.sign(signed_by, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
