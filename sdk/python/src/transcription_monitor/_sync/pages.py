# Generated from ../_async/pages.py by scripts/generate_sync.py. Edit that file instead.
"""A paged list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from .._call import Call
from ..pages import Page
from .transport import Transport

T = TypeVar("T", bound=BaseModel)


class Pages(Generic[T]):
    """`for` iterates over all items and fetches pages as needed; `page` fetches one."""

    def __init__(self, transport: Transport, item: type[T], call: Call) -> None:
        self._transport = transport
        self._page: Any = Page[item]  # type: ignore[valid-type]
        self._call = call

    def page(self, cursor: str | None = None) -> Page[T]:
        """The page at `cursor` (a `next_cursor`); without one, the first page."""
        query = self._call.query if cursor is None else {**self._call.query, "cursor": cursor}
        page: Page[T] = self._transport.model(
            self._page, Call("GET", self._call.path, query, options=self._call.options)
        )
        return page

    def __iter__(self) -> Iterator[T]:
        """Each iteration starts from the beginning."""
        cursor = None
        while True:
            page = self.page(cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return
