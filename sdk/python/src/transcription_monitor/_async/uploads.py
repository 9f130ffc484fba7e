"""`api.uploads`: audio files uploaded to the monitor, if they are not on storage the workers can reach."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from typing_extensions import Unpack

from .._async_runtime import read_chunks, write_chunks
from .._call import Call, given, no_answer, path
from ..bodies import CallOptions
from ..models import Link, Upload
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
        """Stores a recording; submit the returned `audio_url`.

        `file` is a path, which is streamed and not read into memory, or the bytes themselves. `name` is for people and
        defaults to the name of the file. Raises TooLargeError.
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

    async def create_link(
        self,
        *,
        bytes_max: int | None = None,
        expires_in_seconds: int | None = None,
        **options: Unpack[CallOptions],
    ) -> Link:
        """A link that takes one upload without a key: for a day, or as long as you say, up to seven."""
        body = given(bytes_max=bytes_max, expires_in_seconds=expires_in_seconds)
        return await self._transport.model(Link, Call("POST", "/uploads/links", body=body, options=options))

    @asynccontextmanager
    async def open(self, upload: str, **options: Unpack[CallOptions]) -> AsyncIterator[AsyncUploadedAudio]:
        """Streams the bytes of an upload. Takes its id or its `audio_url`. Raises NotFoundError."""
        call = Call("GET", path("uploads", upload_id_of(upload)), options=options)
        async with self._transport.open(call) as response:
            yield AsyncUploadedAudio(response, self._transport.base_url)


class AsyncUploadedAudio:
    """An upload being read: iterate over its chunks with `async for`, or write it to a file with `save`."""

    def __init__(self, response: httpx.Response, base_url: str) -> None:
        self._response = response
        self._base_url = base_url

    @property
    def size_bytes(self) -> int | None:
        """None if the monitor didn't send it."""
        length = self._response.headers.get("content-length")
        return None if length is None else int(length)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises NoAnswerError if the connection breaks before the end."""
        try:
            async for chunk in self._response.aiter_bytes():
                yield chunk
        except httpx.RequestError as error:
            raise no_answer(error, self._base_url) from error

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to `path`; on failure a partial file remains."""
        await write_chunks(Path(path), self.__aiter__())
