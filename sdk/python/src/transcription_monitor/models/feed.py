"""What happens, live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime

from .base import Model


class FeedPosition(Model):
    """A place in the journal: after event `index` of segment `seq`."""

    seq: int
    index: int


class FeedMessage(Model):
    """What is now, or what happened. Beside these it has the fields of its resource: `message.job_id`,
    `message.items`.
    """

    #: `state`: what is now; `update`: a change; `reset`: what is now, after a gap that can't be told any more.
    type: str
    #: `job`, `jobs`, `worker`, `workers`, `queue`, `alert`, `alerts` or `system`.
    resource: str
    #: The journal event: `JobProgressed`. None in a current state.
    event: str | None = None
    at: AwareDatetime | None = None
    #: Position in the journal: segment, and event within it.
    seq: int
    index: int

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The fields of its resource."""

    @property
    def position(self) -> FeedPosition:
        """To come back with: `feed.follow(since=message.position)`."""
        return FeedPosition(seq=self.seq, index=self.index)
