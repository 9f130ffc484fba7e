"""What differs between asyncio and threads, for asyncio; `_sync_runtime.py` has the same names for threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, BinaryIO

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.frames import CloseCode
from websockets.protocol import State

from ._call import PIECE_BYTES
from ._feed import FEED_LOGGER, HandshakeRefused

sleep = asyncio.sleep

_CHUNK_BYTES = 256 * 1024


async def open_feed(url: str, **options: Any) -> Any:
    """A connection, for `close_feed`. Raises HandshakeRefused."""
    return await connect(url, create_connection=_Connection, logger=FEED_LOGGER, **options)


async def close_feed(connection: ClientConnection) -> None:
    """Says goodbye and does not wait for a reply: when an event loop ends, `connection.close()` no longer works."""
    if connection.protocol.state is State.OPEN:
        connection.protocol.send_close(CloseCode.NORMAL_CLOSURE)
        connection.transport.write(b"".join(connection.protocol.data_to_send()))
    if connection.transport.get_extra_info("sslcontext"):
        connection.transport.abort()  # TLS would wait for a goodbye too
    else:
        connection.transport.close()


class _Connection(ClientConnection):
    async def handshake(self, *arguments: Any, **options: Any) -> None:
        try:
            await super().handshake(*arguments, **options)
        except InvalidStatus as error:
            raise HandshakeRefused(error.response) from None


def current_loop() -> Any:
    """What connections belong to."""
    return asyncio.get_running_loop()


async def close_with_loop(client: httpx.AsyncClient) -> object:
    """Closes the client when its event loop ends, which closes the generators that are open; keep what it returns."""

    async def closing() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await client.aclose()

    generator = closing()
    await anext(generator)
    return generator


def close_at_exit(_transport: object) -> None:
    """Nothing: the end of an event loop closes its generators."""


async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


async def read_chunks(open_file: Callable[[], BinaryIO]) -> AsyncIterator[bytes]:
    """A file's bytes, read outside the event loop."""
    file = await asyncio.to_thread(open_file)
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
    finally:
        await asyncio.to_thread(file.close)


async def write_chunks(path: Path, chunks: AsyncIterator[bytes]) -> None:
    file = await asyncio.to_thread(path.open, "wb")
    try:
        async for chunk in chunks:
            await asyncio.to_thread(file.write, chunk)
    finally:
        await asyncio.to_thread(file.close)
