"""The port through which a reporter delivers events."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from .errors import ReporterError
from .event import Event


@dataclass(frozen=True)
class Batch:
    #: At least one event, in order.
    events: Sequence[Event]
    #: The same each time these events are sent, so that a system can recognise a repetition.
    key: str


class Sink(Protocol):
    """One system. Opened by its first `send`; used by one thread at a time.

    Events may arrive twice, after a lost response, but never in another order.
    """

    #: Maximum number of events in a batch.
    count_max: int
    #: How long an event may wait to be sent with others.
    linger_seconds: float
    # `direct`, if true: `send` is called in the call that tells an event, because it takes no longer than a print.

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        """Returns the events that the system refused, with reasons; it has kept the others. Bounded in time.

        Raises Refused if the batch can never be accepted as it is, Away or any other exception if it may be later.
        """

    def close(self) -> None:
        """Closes what `send` opened. May be called in any state, more than once."""


def load_driver(module: str, *, extra: str) -> Any:
    """Raises a ReporterError that names what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ReporterError(
            f"{module} can't be imported: {error}", hint=f"pip install 'transcription-monitor[{extra}]'"
        ) from error


def show_url(url: str) -> str:
    """The URL without password and query, for messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.split(":", 1)[0] + ":…"
    if not parts.netloc:
        return url.split("?", 1)[0].rstrip(":")
    user, at, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{user.split(':')[0]}{at}{host}{parts.path}"
