"""The port of the systems that a reporter sends to."""

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
    #: At least one, in the order to be kept.
    events: Sequence[Event]
    #: The same each time that these events are sent: what has seen it has seen them.
    key: str


class Transport(Protocol):
    """One system. Opened by its first `send`; used by one thread at a time.

    Events may arrive twice, where an answer was lost; never in another order.
    """

    #: Events in a batch, at most.
    count_max: int
    #: How long an event may wait for others to go along.
    linger_seconds: float

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        """Answers the events that the system refused, and why; the others are kept there. Bounded in time.

        Raises Refused where the batch will never be taken as it is, Away or anything else where it may be, later.
        """

    def close(self) -> None:
        """Leaves what `send` opened. May be called in any state, more than once."""


def load_driver(module: str, *, extra: str) -> Any:
    """Raises ReporterError that names what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ReporterError(
            f"{module} is not there: {error}", hint=f"pip install 'transcription-monitor[{extra}]'"
        ) from error


def show_url(url: str) -> str:
    """The URL without password and query: fit for messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.split(":", 1)[0] + ":…"
    if not parts.netloc:
        return url.split("?", 1)[0].rstrip(":")
    user, at, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{user.split(':')[0]}{at}{host}{parts.path}"
