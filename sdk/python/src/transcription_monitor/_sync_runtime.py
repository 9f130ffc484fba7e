"""What differs between asyncio and threads, for threads; `_async_runtime.py` has the same names for asyncio."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from websockets.sync.client import connect

sleep = time.sleep

_CHUNK_BYTES = 256 * 1024


def open_feed(url: str, **options: Any) -> AbstractContextManager[Any]:
    connection: AbstractContextManager[Any] = connect(url, **options)
    return connection


def read_chunks(open_file: Callable[[], BinaryIO]) -> Iterator[bytes]:
    """A file's bytes."""
    with open_file() as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def write_chunks(path: Path, chunks: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
