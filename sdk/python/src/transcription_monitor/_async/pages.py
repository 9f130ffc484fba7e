"""A paged list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from .._call import Call
from ..pages import Page
from .transport import AsyncTransport

T = TypeVar("T", bound=BaseModel)


class AsyncPages(Generic[T]):
    """`async for` iterates over all items and fetches pages as needed; `page` fetches one."""

    def __init__(self, transport: AsyncTransport, item: type[T], call: Call) -> None:
        self._transport = transport
        self._page: Any = Page[item]  # type: ignore[valid-type]
        self._call = call

    async def page(self, cursor: str | None = None) -> Page[T]:
        """The page at `cursor` (a `next_cursor`); without one, the first page."""
        query = self._call.query if cursor is None else {**self._call.query, "cursor": cursor}
        page: Page[T] = await self._transport.model(
            self._page, Call("GET", self._call.path, query, options=self._call.options)
        )
        return page

    async def __aiter__(self) -> AsyncIterator[T]:
        """Each iteration starts from the beginning."""
        cursor = None
        while True:
            page = await self.page(cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return
