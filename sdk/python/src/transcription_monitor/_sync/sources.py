# Generated from ../_async/sources.py by scripts/generate_sync.py. Edit that file instead.
"""`api.sources`: systems without a server that report jobs running elsewhere, posted or followed."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import Unpack

from .._call import Call, given, path
from ..bodies import CallOptions, JobSighting
from ..models import FollowedSource, SightingsAnswer
from .pages import Pages
from .transport import Transport


class Sources:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, **options: Unpack[CallOptions]) -> Pages[FollowedSource]:
        """Sources that the monitor follows by itself (`tmon serve --source`)."""
        return Pages(self._transport, FollowedSource, Call("GET", "/sources", given(), options=options))

    def observe(self, source: str, jobs: Iterable[JobSighting], **options: Unpack[CallOptions]) -> SightingsAnswer:
        """Posts what a source reports about up to 1,000 jobs, in one commit.

        Posting it again, in any order and in any portions, changes nothing; jobs of the monitor's own queue are left
        unchanged and listed in `refused`. `source` is its URL, without secrets.
        """
        call = Call("POST", path("sources", source, "jobs"), body={"jobs": [*jobs]}, options=options)
        return self._transport.model(SightingsAnswer, call)
