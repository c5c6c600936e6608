"""A mail server on loopback."""

import socketserver
import threading
import time


class Smtp(socketserver.ThreadingTCPServer):
    """Speaks just enough SMTP; or, hanging, nothing at all. `answers`: what it says to a command, by its first word, in
    place of the usual; an empty one ends the connection. "." is the end of a mail."""

    daemon_threads = allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.taken: list[str] = []
        self.hangs = threading.Event()
        self.met = threading.Event()
        self.answers: dict[str, str] = {}


class _Session(socketserver.StreamRequestHandler):
    server: Smtp

    def handle(self) -> None:
        self.server.met.set()
        while self.server.hangs.is_set():
            time.sleep(0.05)
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip().upper():
            if line == "DATA":
                self._say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                mail, line = "".join(lines), "."
                self.server.taken.append(mail)
            said = self.server.answers.get(line.partition(" ")[0])
            if said == "":
                return
            self._say(said or ("221 bye" if line == "QUIT" else "250 ok"))

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
