"""`api.uploads`: recordings handed to the monitor, for owners whose audio is on no store that the workers reach."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from typing_extensions import Unpack

from .._async_runtime import read_chunks, write_chunks
from .._call import Call, no_answer, path
from ..bodies import CallOptions
from ..models import Upload
from ..upload_source import UploadSource, source_of, upload_id_of
from .transport import AsyncTransport


class AsyncUploads:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        file: UploadSource,
        *,
        name: str | None = None,
        content_type: str = "application/octet-stream",
        **options: Unpack[CallOptions],
    ) -> Upload:
        """Stores a recording; submit the `audio_url` it answers.

        `file` is a path, which is streamed and not read into memory, or the bytes themselves. `name` is for people; a
        path's own when left out. Raises TooLargeError.
        """
        source = source_of(file, name)
        open_file = source.open
        call = Call(
            "POST",
            "/uploads",
            {"name": source.name},
            content=source.content if open_file is None else lambda: read_chunks(open_file),
            headers={"content-type": content_type, "content-length": str(source.size_bytes)},
            options=options,
            timeout=0,
        )
        return await self._transport.model(Upload, call)

    @asynccontextmanager
    async def open(self, upload: str, **options: Unpack[CallOptions]) -> AsyncIterator[AsyncUploadedAudio]:
        """The bytes of an upload, as they come. Takes its id or its `audio_url`. Raises NotFoundError."""
        call = Call("GET", path("uploads", upload_id_of(upload)), options=options)
        async with self._transport.open(call) as response:
            yield AsyncUploadedAudio(response, self._transport.base_url)


class AsyncUploadedAudio:
    """An upload that is being read: its chunks with `async for`, or all of it into a file with `save`."""

    def __init__(self, response: httpx.Response, base_url: str) -> None:
        self._response = response
        self._base_url = base_url

    @property
    def size_bytes(self) -> int | None:
        """None where the monitor didn't say."""
        length = self._response.headers.get("content-length")
        return None if length is None else int(length)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises NoAnswerError where the connection breaks before the end."""
        try:
            async for chunk in self._response.aiter_bytes():
                yield chunk
        except httpx.RequestError as error:
            raise no_answer(error, self._base_url) from error

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to `path`; what is half written stays there when it fails."""
        await write_chunks(Path(path), self.__aiter__())
