"""Messages of the live feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime

from .base import Model


class FeedPosition(Model):
    """A place in the journal: after event `index` of segment `seq`."""

    seq: int
    index: int


class FeedMessage(Model):
    """The current state, or an event. Also has the fields of its resource: `message.job_id`, `message.items`."""

    #: `state`: current state; `update`: a change; `reset`: current state, after events that are no longer available.
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
        """To resume from: `feed.follow(since=message.position)`."""
        return FeedPosition(seq=self.seq, index=self.index)
