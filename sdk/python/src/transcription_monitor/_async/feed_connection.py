"""Follows the live feed over WebSocket, and resumes after a broken connection."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import TracebackType
from typing import Any

from .._async_runtime import close_feed, open_feed, sleep
from .._call import REDIRECTS_MAX, closed_error, delay_before_retry
from .._feed import (
    FEED_ERRORS,
    MESSAGE_BYTES_MAX,
    UNAVAILABLE_TRIES_MAX,
    FeedReader,
    HandshakeRefused,
    delay_while_away,
    feed_failure,
    feed_url,
    is_away,
    redirected_feed,
)
from ..errors import ApiError, FeedUnavailableError, UnexpectedResponseError
from .transport import AsyncTransport

OnAway = Callable[[Exception | None], None] | None


class AsyncFeedConnection:
    """One subscription, over any number of connections.

    No generator: those that contain others can't be closed when an event loop ends, because it closes all at once.
    """

    def __init__(self, transport: AsyncTransport, reader: FeedReader, on_away: OnAway = None) -> None:
        self._transport = transport
        self._reader = reader
        self._on_away = on_away
        self._url = feed_url(transport.base_url)
        self._connection: Any = None
        self._seen = False
        self._away = False
        self._tries = 0
        self._ended = False

    async def next(self) -> dict[str, Any] | None:
        """The next event; None once the client is closed. Before the first message it raises the errors of any call,
        later those of a monitor that refuses, and FeedUnavailableError.
        """
        if self._transport.replaced:
            raise FeedUnavailableError(self._transport.base_url, "this client's transport is not the network")
        while not self._ended:
            try:
                connection = self._connection or await self._open()
                message = self._reader.receive(await connection.recv(), self._url)
            except UnexpectedResponseError as error:
                failure: ApiError = error
            except FEED_ERRORS as error:
                failure = feed_failure(error, self._transport.base_url, self._transport.proxy)
            else:
                self._note_back()
                if message is None:
                    continue
                self._seen, self._tries = True, 0
                return message
            await self._drop()
            if not self._ended:
                await sleep(self._delay_after(failure))
        return None

    async def aclose(self) -> None:
        """Ends it, also for another thread or task that waits for an event."""
        self._ended = True
        self._transport.feeds.pop(self, None)
        await self._drop()

    async def __aenter__(self) -> AsyncFeedConnection:
        if self._transport.closed:
            raise closed_error()
        self._transport.feeds[self] = None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _open(self) -> Any:
        connection = self._connection = await self._connect_redirected()
        if self._ended:  # meanwhile, by another thread
            raise EOFError
        await connection.send(self._reader.subscription())
        return connection

    async def _connect_redirected(self) -> Any:
        url = self._url
        redirects = 0
        while True:
            try:
                return await self._connect(url)
            except HandshakeRefused as refused:
                target = redirected_feed(url, refused)
                if target is None or redirects == REDIRECTS_MAX:
                    raise
            url = target
            redirects += 1

    async def _connect(self, url: str) -> Any:
        transport = self._transport
        own = ("accept", "user-agent")
        return await open_feed(
            url,
            additional_headers={name: value for name, value in transport.headers.items() if name not in own},
            user_agent_header=transport.headers["user-agent"],
            ssl=transport.ssl_context if url.startswith("wss:") else None,
            proxy=transport.proxy.url if transport.proxy else None,
            open_timeout=transport.timeout,
            close_timeout=1,
            compression=None,
            max_size=MESSAGE_BYTES_MAX,
        )

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await close_feed(connection)

    def _note_back(self) -> None:
        if self._away and self._on_away:
            self._on_away(None)
        self._away = False

    def _delay_after(self, failure: ApiError) -> float:
        """Seconds to wait before the next connection. Raises what a retry can't help."""
        unavailable = isinstance(failure, FeedUnavailableError)
        if not self._seen:
            may_retry = not unavailable and self._tries < self._transport.retries
            delay = delay_before_retry(failure, self._tries, random.random) if may_retry else None
            if delay is None:
                raise failure
        else:
            # A proxy that is being restarted has pages of its own, which pass.
            if not is_away(failure) or (unavailable and self._tries >= UNAVAILABLE_TRIES_MAX):
                raise failure
            if not self._away and self._on_away:
                self._on_away(failure)
            self._away = True
            delay = delay_while_away(self._tries, random.random())
        self._tries += 1
        return delay
