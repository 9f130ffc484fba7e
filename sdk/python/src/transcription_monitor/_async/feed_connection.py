"""Follows the live feed over WebSocket, and resumes after a broken connection."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable
from typing import Any

from .._async_runtime import open_feed, sleep
from .._call import delay_before_retry
from .._feed import FEED_ERRORS, MESSAGE_BYTES_MAX, FeedReader, delay_while_away, feed_failure, feed_url, is_away
from ..errors import FeedUnavailableError
from .transport import AsyncTransport


async def follow_feed(
    transport: AsyncTransport, reader: FeedReader, on_away: Callable[[Exception | None], None] | None = None
) -> AsyncGenerator[dict[str, Any], None]:
    """Yields events without end. Raises FeedUnavailableError; before the first message, the errors of any call."""
    if transport.replaced:
        raise FeedUnavailableError(transport.base_url, "this client's transport is not the network")
    url = feed_url(transport.base_url)
    credentials = {name: word for name, word in transport.headers.items() if name == "authorization"}
    seen = False
    tries = 0
    while True:
        try:
            async with open_feed(
                url,
                additional_headers=credentials,
                user_agent_header=transport.headers["user-agent"],
                open_timeout=transport.timeout,
                close_timeout=1,
                compression=None,
                max_size=MESSAGE_BYTES_MAX,
            ) as connection:
                await connection.send(reader.subscription())
                while True:
                    message = reader.receive(await connection.recv())
                    if message is None:
                        continue
                    if tries > 0 and seen and on_away:
                        on_away(None)
                    seen, tries = True, 0
                    yield message
        except FEED_ERRORS as error:
            failure = feed_failure(error, transport.base_url)
        if seen:
            if not is_away(failure):
                raise failure
            if tries == 0 and on_away:
                on_away(failure)
            delay = delay_while_away(tries, random.random())
        else:
            wait = delay_before_retry(failure, tries, random.random) if tries < transport.retries else None
            if wait is None:
                raise failure
            delay = wait
        tries += 1
        await sleep(delay)
