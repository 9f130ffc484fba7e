"""Errors of a reporter's URL, and of the systems that events are sent to."""

from __future__ import annotations

from .._restored import Restored


class ReporterError(Restored):
    """The URL can't be used; raised only by `Reporter.from_url`."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(f"{message}\nhint: {hint}")
        self.message = message
        #: What to do.
        self.hint = hint


class Away(Restored):
    """Temporary: the events are kept and sent again. Any other exception has the same effect."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{message} (hint: {hint})" if hint else message)
        self.message = message
        self.hint = hint


class Refused(Exception):
    """Permanent: a refused batch is sent again one by one, and the event that is refused is dropped."""
