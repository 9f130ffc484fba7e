"""One page of a list."""

from __future__ import annotations

from typing import Generic, TypeVar

from .models import Model

T = TypeVar("T")


class Page(Model, Generic[T]):
    items: list[T]
    #: Pass to `page` for the next page; None on the last one.
    next_cursor: str | None = None
