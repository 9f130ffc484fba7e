"""`StateAPI`: the state of a job, for programs that run beside the monitor or without it."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from ..errors import ApiError, NotFoundError, ServerFaultError, UnavailableError
from .job_cache import DEFAULT_URL, JobCache, State, open_redis, state_of
from .objects import HINT, ObjectClient, open_store

_ENDS = ("completed", "failed", "cancelled")
_DEFAULT: Any = object()


class StateAPI:
    """Reads jobs from the monitor's cache and store, without calling the monitor. Threads may share one.

        api = StateAPI(redis="redis://127.0.0.1:6379", bucket="my-bucket", prefix="tmon")
        state = api.get_job_state("job-01J2ZQ…")
        print(state["state"], state["progress"]["percentage"])

    `redis`: a URL, a client of redis-py, or None for no cache; by default `TMON_CACHE`, else the Redis of this machine.
    `s3`: a client of boto3; by default one with the environment's settings. `bucket` and `prefix`, or `store`
    (`s3://bucket/prefix`, `dir:PATH`), say where the monitor keeps its objects; by default `TMON_STORE`.
    """

    def __init__(
        self,
        redis: Any = _DEFAULT,
        s3: Any = None,
        bucket: str | None = None,
        prefix: str = "",
        *,
        store: str | None = None,
    ) -> None:
        if redis is _DEFAULT:
            redis = os.environ.get("TMON_CACHE") or DEFAULT_URL
        self._opened = isinstance(redis, str)
        #: Hot cache of active jobs.
        self.redis: Any = open_redis(redis) if isinstance(redis, str) else redis
        #: Cold storage of all states: `get_object(key)`.
        self.s3: ObjectClient = open_store(_store_url(bucket, prefix, store), s3)
        self._cache = JobCache(self.redis)

    def get_job_state(
        self, job_id: str, *, min_seq: int = 0, ended_at: datetime.datetime | None = None
    ) -> dict[str, Any]:
        """The job's document: from the cache, else from the store, which fills the cache.

        Nothing older than `min_seq` is returned: pass the `as_of_seq` of what you have seen of this job. The store's
        documents follow the journal by some seconds (docs/format.md, Views), the cache by a fraction of one.

        Finds a job that is active, is a dead letter, or ended in this hour or the last, in at most 8 reads. A job that
        ended before that is found by the hour of `ended_at`, its `completed_at`, as long as the monitor keeps its
        documents (`--job-views-days`, 30). Any other job can only be found by the monitor's journal:
        `TranscriptionAPI(…).jobs.get(job_id)`.

        Raises NotFoundError; UnavailableError `seq_not_reached` if all it finds is older than `min_seq`;
        ServerFaultError `view_damaged` with the key of an object that is no document; ApiError `store_unavailable`.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", job_id, re.ASCII):
            raise ApiError(f"{job_id!r} is not an id", code="bad_id", hint="Ids look like job-01J2ZQ…")
        cached = self._cache.get(job_id)
        if cached is not None and cached["as_of_seq"] >= min_seq:
            return cached
        active = self._read(f"jobs/active/{job_id}/state.json", job_id)
        if active is not None and active["as_of_seq"] >= min_seq:
            self._cache.fill(job_id, active)
            return active
        found = [state for state in (cached, active) if state is not None]
        for key in _finished_keys(job_id, ended_at):
            state = self._read(key, job_id)
            if state is not None and state["as_of_seq"] >= min_seq:
                return state
            found += [state] if state is not None else []
        raise _too_old(job_id, min_seq, found) if found else _not_found(job_id, self.s3.url)

    def close(self) -> None:
        """Closes the connections to Redis, unless the client is yours."""
        if self._opened:
            self.redis.close()

    def __enter__(self) -> StateAPI:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, key: str, job_id: str) -> State | None:
        text = self.s3.get_object(key)
        if text is None:
            return None
        state = state_of(text, job_id)
        if state is None:
            raise _damaged(f"{self.s3.url}/{key}", self.s3.url)
        return state


def _store_url(bucket: str | None, prefix: str, store: str | None) -> str:
    if bucket is not None:
        return f"s3://{bucket}/{prefix}"
    url = store or os.environ.get("TMON_STORE")
    if not url:
        raise ApiError("no store is given", code="bad_store_url", hint=HINT)
    return url


def _finished_keys(job_id: str, ended_at: datetime.datetime | None) -> Iterator[str]:
    """Where the document of a job that has ended may be, as far as that is known without the journal."""
    yield f"jobs/failed/{job_id}/state.json"
    now = datetime.datetime.now(datetime.timezone.utc)
    hours = [now, now - datetime.timedelta(hours=1)] if ended_at is None else [_utc(ended_at)]
    for hour in hours:
        for end in _ENDS:
            yield f"jobs/{end}/{hour:%Y/%m/%d}/hour={hour:%H}/{job_id}.json"


def _utc(time: datetime.datetime) -> datetime.datetime:
    """A time without a zone is taken for UTC, as every time of the monitor is."""
    return time.replace(tzinfo=datetime.timezone.utc) if time.tzinfo is None else time.astimezone(datetime.timezone.utc)


def _not_found(job_id: str, url: str) -> NotFoundError:
    hint = "If it ended more than an hour ago, pass ended_at, or ask the monitor: TranscriptionAPI(…).jobs.get(job_id)."
    detail = f"{job_id} is neither in the cache nor active or recently finished in {url}"
    return NotFoundError({"status": 404, "code": "job_not_found", "detail": detail, "hint": hint})


def _too_old(job_id: str, min_seq: int, found: list[State]) -> UnavailableError:
    newest = max(state["as_of_seq"] for state in found)
    detail = f"{job_id} is known as of {newest}, not yet as of {min_seq}"
    hint = "The store follows the journal by some seconds: try again, or ask the monitor."
    problem = {"status": 503, "code": "seq_not_reached", "detail": detail, "hint": hint}
    return UnavailableError(problem, retry_after_seconds=1)


def _damaged(where: str, store: str) -> ServerFaultError:
    detail = f"{where} is not the document of this job"
    hint = f"`tmon rebuild --store {store}` writes it again."
    return ServerFaultError({"status": 500, "code": "view_damaged", "detail": detail, "hint": hint})
