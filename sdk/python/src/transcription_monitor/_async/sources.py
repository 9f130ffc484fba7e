"""`api.sources`: systems without a server that report jobs running elsewhere, posted or followed."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import Unpack

from .._call import Call, given, path
from ..bodies import CallOptions, JobSighting
from ..models import FollowedSource, SightingsAnswer
from .pages import AsyncPages
from .transport import AsyncTransport


class AsyncSources:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, **options: Unpack[CallOptions]) -> AsyncPages[FollowedSource]:
        """Sources that the monitor follows by itself (`tmon serve --source`)."""
        return AsyncPages(self._transport, FollowedSource, Call("GET", "/sources", given(), options=options))

    async def observe(
        self, source: str, jobs: Iterable[JobSighting], **options: Unpack[CallOptions]
    ) -> SightingsAnswer:
        """Posts what a source reports about up to 1,000 jobs, in one commit.

        Posting it again, in any order and in any portions, changes nothing; jobs of the monitor's own queue are left
        unchanged and listed in `refused`. `source` is its URL, without secrets.
        """
        call = Call("POST", path("sources", source, "jobs"), body={"jobs": [*jobs]}, options=options)
        return await self._transport.model(SightingsAnswer, call)
