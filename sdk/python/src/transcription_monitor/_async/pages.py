"""A list of the monitor, page by page as it is fetched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from .._call import Call
from ..pages import Page
from .transport import AsyncTransport

T = TypeVar("T", bound=BaseModel)


class AsyncPages(Generic[T]):
    """All of a list with `async for`, or one page by hand. Nothing is fetched before it is asked for."""

    def __init__(self, transport: AsyncTransport, item: type[T], call: Call) -> None:
        self._transport = transport
        self._page: Any = Page[item]  # type: ignore[valid-type]
        self._call = call

    async def page(self, cursor: str | None = None) -> Page[T]:
        """The page that `cursor` (a `next_cursor`) names, the first without."""
        query = self._call.query if cursor is None else {**self._call.query, "cursor": cursor}
        page: Page[T] = await self._transport.model(
            self._page, Call("GET", self._call.path, query, options=self._call.options)
        )
        return page

    async def __aiter__(self) -> AsyncIterator[T]:
        """Each loop starts from the beginning."""
        cursor = None
        while True:
            page = await self.page(cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return
