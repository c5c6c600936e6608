"""A server on loopback that says exactly what a test tells it to, byte by byte, with or without TLS."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[[socket.socket], None]


class Server:
    """Answers connections with `script`, one after the other; `requests` holds what was read from each. It ends by
    itself when nobody has called for `patience` seconds."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None, *, patience: float = 120) -> None:
        self.requests: list[bytes] = []
        self.over = threading.Event()  # a script that wants to keep the line open waits for it
        self._script, self._context = script, context
        self._line: socket.socket | None = None  # the connection that is being answered
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(patience)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://localhost:{self.port}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while not self.over.is_set():
                line, _address = self._socket.accept()
                line.settimeout(60)
                with suppress(OSError), line:
                    if self._context is not None:
                        line = self._context.wrap_socket(line, server_side=True)
                    self._line = line
                    with line:
                        self.requests.append(read_request(line))
                        if self.requests[-1]:  # else the caller hung up before it had asked for anything
                            self._script(line)

    def stop(self) -> None:
        self.over.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(1)
        if self._thread.is_alive() and self._line is not None:  # it sends to somebody who no longer reads
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
        self._thread.join(60)
        assert not self._thread.is_alive()


def read_request(line: socket.socket) -> bytes:
    """One request with its body, or what came before the line was closed."""
    got = b""
    while b"\r\n\r\n" not in got:
        if not (more := line.recv(65536)):
            return got
        got += more
    head, _blank, body = got.partition(b"\r\n\r\n")
    for header in head.lower().split(b"\r\n"):
        if header.startswith(b"content-length:"):
            while len(body) < int(header.partition(b":")[2]):
                if not (more := line.recv(65536)):
                    break
                body += more
    return head + b"\r\n\r\n" + body


def saying(*parts: bytes) -> Script:
    def script(line: socket.socket) -> None:
        for part in parts:
            line.sendall(part)

    return script


def reply(body: bytes = b"{}", *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A whole reply, properly framed."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context with a certificate signed by itself, and the file that makes it trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return context, str(cert_file)
