"""A recording to upload, which can be sent again if the first attempt gets no response."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

UploadSource = str | os.PathLike[str] | bytes


@dataclass(frozen=True)
class Source:
    name: str
    size_bytes: int
    #: Exactly one is set.
    content: bytes | None = None
    open: Callable[[], BinaryIO] | None = None


def source_of(file: UploadSource, name: str | None) -> Source:
    """Raises as `open` does if the file does not exist."""
    if isinstance(file, bytes | bytearray | memoryview):
        return Source(name or "audio", len(file), content=bytes(file))
    path = Path(file)

    def open_file() -> BinaryIO:
        return path.open("rb")

    with open_file() as opened:
        size_bytes = os.fstat(opened.fileno()).st_size
    return Source(name or path.name, size_bytes, open=open_file)


def upload_id_of(upload: str) -> str:
    """The id of an upload, from its id or `audio_url`."""
    found = re.match(r"upload://([^/]+)/", upload)
    return found.group(1) if found else upload
