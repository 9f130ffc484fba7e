"""`api.session`, `api.sessions` and `api.tickets`: what a key is exchanged for."""

from __future__ import annotations

from typing_extensions import Unpack

from .._call import Call, given, path
from ..bodies import CallOptions
from ..models import OpenSession, Session, Ticket
from .pages import AsyncPages
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


class AsyncOpenSessions:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, **options: Unpack[CallOptions]) -> AsyncPages[OpenSession]:
        """The browsers that are signed in, newest first, for callers with an admin key."""
        return AsyncPages(self._transport, OpenSession, Call("GET", "/sessions", given(), options=options))

    async def revoke(self, session_id: str, **options: Unpack[CallOptions]) -> OpenSession:
        """Ends a session: its browser is signed out, and its open connections are closed."""
        call = Call("DELETE", path("sessions", session_id), options=options)
        return await self._transport.model(OpenSession, call)


class AsyncTickets:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, **options: Unpack[CallOptions]) -> Ticket:
        """Opens `/ws?ticket=…` or `GET /events?ticket=…` once, within 30 seconds.

        For clients that cannot send a header.
        """
        return await self._transport.model(Ticket, Call("POST", "/tickets", options=options))
