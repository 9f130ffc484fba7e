"""What can be wrong with a reporter's address, and what a system says of the events it is sent."""

from __future__ import annotations


class ReporterError(Exception):
    """The address can't be used as it is; raised by `Reporter.from_url`, and by nothing later."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(f"{message}\nhint: {hint}")
        self.message = message
        #: What to do.
        self.hint = hint


class Away(Exception):
    """Not now: the events are kept and sent again. Any other exception means the same, but says less."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{message} (hint: {hint})" if hint else message)
        self.message = message
        self.hint = hint


class Refused(Exception):
    """Never, as they are: events sent together are sent again one by one, and the one that is refused is dropped."""
