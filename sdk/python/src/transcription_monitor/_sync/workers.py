# Generated from ../_async/workers.py by scripts/generate_sync.py. Edit that file instead.
"""`api.workers`: worker processes, from the outside (list, restart) and from the inside (claim, heartbeat)."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import Unpack

from .._call import Call, given, path
from ..bodies import CallOptions, Capabilities, HealthReport, Location
from ..models import Claimed, HeartbeatAnswer, Reconciliation, Worker, WorkerJob, WorkerUsage
from .pages import Pages
from .transport import Transport

#: Longer than the longest long poll, so that only a dead network ends a claim.
CLAIM_MARGIN_SECONDS = 15.0


class Workers:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        verdict: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Pages[Worker]:
        """Workers, newest first; with `verdict` (`silent`, `orphaned`) those with this one. `limit`: of a page."""
        query = given(verdict=verdict, limit=limit, cursor=cursor)
        return Pages(self._transport, Worker, Call("GET", "/workers", query, options=options))

    def get(self, worker_id: str, **options: Unpack[CallOptions]) -> Worker:
        """A worker. Raises NotFoundError."""
        return self._transport.model(Worker, Call("GET", path("workers", worker_id), options=options))

    def jobs(
        self,
        worker_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Pages[WorkerJob]:
        """The worker's jobs, newest attempt first."""
        query = given(limit=limit, cursor=cursor)
        return Pages(
            self._transport, WorkerJob, Call("GET", path("workers", worker_id, "jobs"), query, options=options)
        )

    def usage(self, worker_id: str, **options: Unpack[CallOptions]) -> WorkerUsage:
        """What it has used in the last hour, by the heartbeats that this instance of the monitor has seen."""
        call = Call("GET", path("workers", worker_id, "usage"), options=options)
        return self._transport.model(WorkerUsage, call)

    def launch(
        self,
        *,
        capabilities: Capabilities | None = None,
        location: Location | None = None,
        **options: Unpack[CallOptions],
    ) -> Worker:
        """Launches a worker on the monitor's fleet."""
        body = given(capabilities=capabilities, location=location)
        return self._transport.model(Worker, Call("POST", "/workers", body=body, options=options))

    def reconcile(self, *, dry_run: bool = False, **options: Unpack[CallOptions]) -> Reconciliation:
        """Compares the workers with the instances of the monitor's fleet, and settles the differences that are
        confirmed. `dry_run` only returns them."""
        call = Call("POST", "/workers/reconcile", body={"dry_run": dry_run}, options=options)
        return self._transport.model(Reconciliation, call)

    def restart(self, worker_id: str, **options: Unpack[CallOptions]) -> Worker:
        """The worker stops at once, releases its jobs and starts again."""
        return self._transport.model(Worker, Call("POST", path("workers", worker_id, "restart"), options=options))

    def drain(
        self,
        worker_id: str,
        *,
        reason: str | None = None,
        replace: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> Worker:
        """The worker finishes its jobs, then exits. `reason` is shown; `replace`: its machine is being taken away."""
        body = given(reason=reason, replace=replace)
        call = Call("POST", path("workers", worker_id, "drain"), body=body, options=options)
        return self._transport.model(Worker, call)

    def terminate(self, worker_id: str, **options: Unpack[CallOptions]) -> Worker:
        """The worker stops now; its jobs return to the queue."""
        return self._transport.model(Worker, Call("DELETE", path("workers", worker_id), options=options))

    def register(
        self,
        worker_id: str,
        *,
        capabilities: Capabilities,
        instance_id: str | None = None,
        location: Location | None = None,
        **options: Unpack[CallOptions],
    ) -> Worker:
        """For workers: registers the worker, or updates its registration."""
        body = given(capabilities=capabilities, instance_id=instance_id, location=location)
        return self._transport.model(Worker, Call("PUT", path("workers", worker_id), body=body, options=options))

    def heartbeat(
        self,
        worker_id: str,
        *,
        health: HealthReport | None = None,
        leases: Sequence[str] = (),
        **options: Unpack[CallOptions],
    ) -> HeartbeatAnswer:
        """For workers: sends health, returns commands; renews the leases named. One missing in the result is lost."""
        body = given(health=health, leases=list(leases))
        call = Call("POST", path("workers", worker_id, "heartbeat"), body=body, options=options)
        return self._transport.model(HeartbeatAnswer, call)

    def claim(
        self,
        worker_id: str,
        *,
        max_jobs: int = 1,
        wait_seconds: float = 0,
        **options: Unpack[CallOptions],
    ) -> Claimed:
        """For workers: waits up to `wait_seconds` (at most 20) for up to `max_jobs` jobs, each with a lease."""
        call = Call(
            "POST",
            path("workers", worker_id, "claim"),
            body={"max_jobs": max_jobs, "wait_seconds": wait_seconds},
            options=options,
            timeout=wait_seconds + CLAIM_MARGIN_SECONDS,
        )
        return self._transport.model(Claimed, call)
