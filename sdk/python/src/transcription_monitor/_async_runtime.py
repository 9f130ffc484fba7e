"""What differs between asyncio and threads, for asyncio; `_sync_runtime.py` has the same names for threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, BinaryIO

from websockets.asyncio.client import connect

sleep = asyncio.sleep

_CHUNK_BYTES = 256 * 1024


def open_feed(url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
    return connect(url, **options)


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
