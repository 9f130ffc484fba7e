"""Jobs in the monitor's Redis: `job:{job_id}` holds a job's document for 300 s. Reading and filling it never raise."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, TypeVar

from ..errors import ApiError

DEFAULT_URL = "redis://127.0.0.1:6379/0"
TTL_SECONDS = 300
ANSWER_SECONDS = 1.0
#: A Redis that failed is left alone for this long, so that reads don't wait for it one by one.
PAUSE_SECONDS = 5.0

#: The same as in protocol/job-cache.ts: SETEX, unless Redis has a newer document or knows of the job's end.
WRITE_JOB = """
local seq = tonumber(ARGV[2])
local ended = redis.pcall('GET', KEYS[2])
ended = type(ended) == 'string' and tonumber(ended) or -1
if ended > seq then return 0 end
local cached = redis.pcall('GET', KEYS[1])
if type(cached) == 'string' then
  local is_json, document = pcall(cjson.decode, cached)
  if is_json and type(document) == 'table' and (tonumber(document.as_of_seq) or 0) > seq then return 0 end
end
if ARGV[1] == '' then
  redis.call('SETEX', KEYS[2], ARGV[3], ARGV[2])
  redis.call('DEL', KEYS[1])
else
  redis.call('SETEX', KEYS[1], ARGV[3], ARGV[1])
end
return 1
"""

State = dict[str, Any]
T = TypeVar("T")

log: logging.Logger = logging.getLogger("transcription_monitor.state")


class JobCache:
    """`redis` is a client of redis-py, or None for no cache."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        # A Redis that refuses writes, such as a replica, can still be read.
        self._reads = _Guard("be read")
        self._writes = _Guard("be filled")

    def get(self, job_id: str) -> State | None:
        if self._redis is None:
            return None
        text = self._reads.call(lambda: self._redis.get(f"job:{job_id}"))
        return None if text is None else state_of(text, job_id)

    def fill(self, job_id: str, state: Mapping[str, Any]) -> None:
        if self._redis is None or self._reads.paused:
            return
        text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
        keys = f"job:{job_id}", f"job-ended:{job_id}"
        self._writes.call(lambda: self._redis.eval(WRITE_JOB, 2, *keys, text, state["as_of_seq"], TTL_SECONDS))


def open_redis(url: str) -> Any:
    """A client that connects when it is used. Raises ApiError."""
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        hint = "pip install 'transcription-monitor[cache]', or redis=None for no cache"
        raise ApiError("the cache requires redis", code="missing_package", hint=hint) from error
    limits: dict[str, Any] = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS, "protocol": 2}
    try:
        # One retry, because a connection may have ended while it was not used.
        return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 1), **limits)
    except ValueError:
        # Without the URL, which may have a password.
        hint = "It begins with redis:// or rediss://, for example redis://127.0.0.1:6379/0."
        raise ApiError("redis is not the URL of a Redis", code="bad_cache_url", hint=hint) from None


def state_of(text: str | bytes, job_id: str) -> State | None:
    """None if it is not this job's document."""
    try:
        state = json.loads(text)
    except ValueError:
        return None
    if not isinstance(state, dict) or state.get("job_id") != job_id:
        return None
    return state if type(state.get("as_of_seq")) is int else None


class _Guard:
    """Calls of one kind: a failure is logged once, until a call succeeds again; after it there is a pause."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._failed = False
        self._resume = 0.0

    @property
    def paused(self) -> bool:
        return monotonic() < self._resume

    def call(self, call: Callable[[], T]) -> T | None:
        if self.paused:
            return None
        try:
            result = call()
        except Exception as error:
            self._resume = monotonic() + PAUSE_SECONDS
            if not self._failed:
                log.warning("the cache can't %s: %s; reading the store until it can", self._what, error)
            self._failed = True
            return None
        if self._failed:
            log.info("the cache can %s again", self._what)
        self._failed = False
        return result
