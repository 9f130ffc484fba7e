# Generated from ../_async/queues.py by scripts/generate_sync.py. Edit that file instead.
"""`api.queues`: `main`, where jobs wait, and `dlq`, the dead-letter queue of jobs that failed permanently."""

from __future__ import annotations

from typing import Literal

from typing_extensions import Unpack

from .._call import Call, given, path
from ..bodies import CallOptions, JobFilter
from ..models import BulkAnswer, Queue
from .transport import Transport


class Queues:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def main(self, **options: Unpack[CallOptions]) -> Queue:
        """Where jobs wait."""
        return self._transport.model(Queue, Call("GET", "/queues/main", options=options))

    def dlq(self, **options: Unpack[CallOptions]) -> Queue:
        """The dead-letter queue of jobs that failed permanently. Its jobs are `jobs.list(state='FAILED')`."""
        return self._transport.model(Queue, Call("GET", "/queues/dlq", options=options))

    def purge(
        self,
        queue: Literal["main", "dlq"] = "main",
        *,
        filter: JobFilter | None = None,
        dry_run: bool = False,
        **options: Unpack[CallOptions],
    ) -> BulkAnswer:
        """Removes jobs: those in `main` are cancelled, those in `dlq` dropped. `dry_run` only returns their ids."""
        body = given(filter=filter, dry_run=dry_run)
        return self._transport.model(
            BulkAnswer, Call("POST", path("queues", queue, "purge"), body=body, options=options)
        )

    def purge_dlq(
        self, *, filter: JobFilter | None = None, dry_run: bool = False, **options: Unpack[CallOptions]
    ) -> BulkAnswer:
        """`purge("dlq")`."""
        return self.purge("dlq", filter=filter, dry_run=dry_run, **options)

    def redrive(
        self, *, filter: JobFilter | None = None, dry_run: bool = False, **options: Unpack[CallOptions]
    ) -> BulkAnswer:
        """Returns dead letters to the main queue. `dry_run` only returns their ids."""
        body = given(filter=filter, dry_run=dry_run)
        return self._transport.model(BulkAnswer, Call("POST", "/queues/dlq/redrive", body=body, options=options))
