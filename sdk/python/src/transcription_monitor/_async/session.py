"""`api.session` and `api.tickets`: what a key is exchanged for."""

from __future__ import annotations

from typing_extensions import Unpack

from .._call import Call
from ..bodies import CallOptions
from ..models import Session, Ticket
from .transport import AsyncTransport


class AsyncSessions:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, **options: Unpack[CallOptions]) -> Session:
        """A session for a browser, in a cookie of the response. Programs send their key instead."""
        return await self._transport.model(Session, Call("POST", "/session", options=options))

    async def get(self, **options: Unpack[CallOptions]) -> Session:
        """Who the caller is and what it may do; also without a key."""
        return await self._transport.model(Session, Call("GET", "/session", options=options))

    async def end(self, **options: Unpack[CallOptions]) -> Session:
        """Ends the session of the cookie."""
        return await self._transport.model(Session, Call("DELETE", "/session", options=options))


class AsyncTickets:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, **options: Unpack[CallOptions]) -> Ticket:
        """Opens `/ws?ticket=…` or `GET /events?ticket=…` once, within 30 seconds.

        For clients that cannot send a header.
        """
        return await self._transport.model(Ticket, Call("POST", "/tickets", options=options))
