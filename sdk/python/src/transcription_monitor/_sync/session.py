# Generated from ../_async/session.py by scripts/generate_sync.py. Edit that file instead.
"""`api.session`, `api.sessions` and `api.tickets`: what a key is exchanged for."""

from __future__ import annotations

from typing_extensions import Unpack

from .._call import Call, given, path
from ..bodies import CallOptions
from ..models import OpenSession, Session, Ticket
from .pages import Pages
from .transport import Transport


class Sessions:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, **options: Unpack[CallOptions]) -> Session:
        """A session for a browser, in a cookie of the response. Programs send their key instead."""
        return self._transport.model(Session, Call("POST", "/session", options=options))

    def get(self, **options: Unpack[CallOptions]) -> Session:
        """Who the caller is and what it may do; also without a key."""
        return self._transport.model(Session, Call("GET", "/session", options=options))

    def end(self, **options: Unpack[CallOptions]) -> Session:
        """Ends the session of the cookie."""
        return self._transport.model(Session, Call("DELETE", "/session", options=options))


class OpenSessions:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, **options: Unpack[CallOptions]) -> Pages[OpenSession]:
        """The browsers that are signed in, newest first, for callers with an admin key."""
        return Pages(self._transport, OpenSession, Call("GET", "/sessions", given(), options=options))

    def revoke(self, session_id: str, **options: Unpack[CallOptions]) -> OpenSession:
        """Ends a session: its browser is signed out, and its open connections are closed."""
        call = Call("DELETE", path("sessions", session_id), options=options)
        return self._transport.model(OpenSession, call)


class Tickets:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, **options: Unpack[CallOptions]) -> Ticket:
        """Opens `/ws?ticket=…` or `GET /events?ticket=…` once, within 30 seconds.

        For clients that cannot send a header.
        """
        return self._transport.model(Ticket, Call("POST", "/tickets", options=options))
