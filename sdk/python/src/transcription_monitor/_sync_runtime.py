"""What differs between asyncio and threads, for threads; `_async_runtime.py` has the same names for asyncio."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from weakref import WeakSet

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from ._call import PIECE_BYTES
from ._feed import FEED_LOGGER, HandshakeRefused

if TYPE_CHECKING:
    from ._sync.transport import Transport

sleep = time.sleep

_CHUNK_BYTES = 256 * 1024


def open_feed(url: str, **options: Any) -> Any:
    """A connection, for `close_feed`. Raises HandshakeRefused."""
    return connect(url, create_connection=_Connection, logger=FEED_LOGGER, **options).__enter__()


def close_feed(connection: ClientConnection) -> None:
    connection.close()


class _Connection(ClientConnection):
    def handshake(self, *arguments: Any, **options: Any) -> None:
        try:
            super().handshake(*arguments, **options)
        except InvalidStatus as error:
            raise HandshakeRefused(error.response) from None


class _Threads:
    """All threads share a client's connections."""


_THREADS = _Threads()


def current_loop() -> Any:
    """What connections belong to."""
    return _THREADS


def close_with_loop(client: httpx.Client) -> object:
    """Nothing: threads have no end that all of them share."""
    return client


def close_at_exit(transport: Transport) -> None:
    """Closes its feeds when the program ends: later, when a generator is finalised, the threads that read them no
    longer run, and closing would wait for them for ever.
    """
    _transports.add(transport)


_transports: WeakSet[Transport] = WeakSet()


@atexit.register
def _close_feeds() -> None:
    for transport in list(_transports):
        transport.close_feeds()


def in_pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


def read_chunks(open_file: Callable[[], BinaryIO]) -> Iterator[bytes]:
    """A file's bytes."""
    with open_file() as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def write_chunks(path: Path, chunks: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
