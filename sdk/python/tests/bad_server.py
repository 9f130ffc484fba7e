"""A server that sends one of the responses in test/network/bad-responses.json to every request.

`delivery` in that file: `closed` without a response; `silent`; `raw`: `body` is all that is sent, with no status line;
`truncated`: the connection is closed after `cut` bytes of the response; `stalled`: silent after half of it; `slow`: in
pieces; `endless`: `body`, and never an end. None: as it is.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import responses
from typing import Any

from .processes import ROOT

PIECES = 12
PIECE_SECONDS = 0.05


@dataclass(frozen=True)
class BadResponse:
    name: str
    status: int
    headers: dict[str, str]
    then: dict[str, Any]
    body: str = ""
    body_base64: str | None = None
    delivery: str | None = None

    @property
    def content(self) -> bytes:
        return self.body.encode() if self.body_base64 is None else base64.b64decode(self.body_base64)

    def raw(self) -> bytes:
        """All of it, as it is sent."""
        if self.delivery == "raw":
            return self.content
        headers = {**self.headers, "connection": "close"}
        if self.delivery != "endless" and self.status != 204:
            headers["content-length"] = str(len(self.content))
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.content


RESPONSES = [
    BadResponse(**fields) for fields in json.loads((ROOT / "test" / "network" / "bad-responses.json").read_text())
]


@dataclass
class BadServer:
    url: str
    response: BadResponse
    #: Of a truncated response: how many bytes are sent.
    cut: int = 0
    #: The first line of each request, with its body.
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            file = connection.makefile("rb")
            first = file.readline().decode()
            if not first:
                return
            length, chunked = 0, False
            while (line := file.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode().partition(":")
                length = int(value) if name.lower() == "content-length" else length
                chunked = chunked or name.lower() == "transfer-encoding"
            assert not chunked, "a body of known length is sent with its length"
            self.requests.append((first.strip(), file.read(length)))
            self._respond(connection)

    def _respond(self, connection: socket.socket) -> None:
        raw, delivery = self.response.raw(), self.response.delivery
        if delivery == "truncated":
            connection.sendall(raw[: self.cut])
        elif delivery in ("silent", "stalled"):
            connection.sendall(raw[: -len(self.response.content) // 2] if delivery == "stalled" else b"")
            connection.recv(1)  # until the client hangs up
        elif delivery == "slow":
            pause = threading.Event()
            size = len(raw) // PIECES + 1
            for start in range(0, len(raw), size):
                pause.wait(PIECE_SECONDS)
                connection.sendall(raw[start : start + size])
        elif delivery == "endless":
            connection.sendall(raw)
            while True:
                connection.sendall(b"x" * 65_536)
        elif delivery != "closed":
            connection.sendall(raw)


@contextmanager
def bad_server() -> Iterator[BadServer]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = BadServer(f"http://127.0.0.1:{listener.getsockname()[1]}", RESPONSES[0])

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
