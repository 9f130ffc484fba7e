# Generated from ../_async/links.py by scripts/generate_sync.py. Edit that file instead.
"""`api.links`: URLs that open one transcript, or take one upload, without a key."""

from __future__ import annotations

from typing_extensions import Unpack

from .._call import Call, path
from .._sync_runtime import read_chunks
from ..bodies import CallOptions
from ..models import EndedLink, Upload
from ..upload_source import UploadSource, source_of
from .transport import Transport


class Links:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def revoke(self, link_id: str, **options: Unpack[CallOptions]) -> EndedLink:
        """Revokes a link that was made with this key; with an admin key, any. Raises NotFoundError."""
        return self._transport.model(EndedLink, Call("DELETE", path("links", link_id), options=options))

    def open(self, url: str, **options: Unpack[CallOptions]) -> str:
        """The transcript that a link opens, in the format that it was made for. Takes the `url` of the link."""
        return (self._transport.answer(Call("GET", path("links", _text_of(url)), options=options))).text

    def upload(
        self,
        url: str,
        file: UploadSource,
        *,
        name: str | None = None,
        content_type: str = "application/octet-stream",
        **options: Unpack[CallOptions],
    ) -> Upload:
        """Uploads a file with a link, once. Takes the `url` of the link. Raises NotFoundError, TooLargeError."""
        source = source_of(file, name)
        open_file = source.open
        call = Call(
            "POST",
            path("links", _text_of(url)),
            {"name": source.name},
            content=source.content if open_file is None else lambda: read_chunks(open_file),
            headers={"content-type": content_type, "content-length": str(source.size_bytes)},
            options=options,
            timeout=0,
        )
        return self._transport.model(Upload, call)


def _text_of(url: str) -> str:
    return url.rsplit("/", 1)[-1]
