"""StateAPI, with a real Redis and the stores of real monitors."""

from __future__ import annotations

import datetime
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis

from transcription_monitor import (
    ApiError,
    Job,
    NotFoundError,
    ServerFaultError,
    StateAPI,
    TranscriptionAPI,
    UnavailableError,
)
from transcription_monitor.bodies import Failure
from transcription_monitor.state.job_cache import PAUSE_SECONDS, WRITE_JOB, JobCache

from .processes import PATIENCE_SECONDS, Monitor, monitor
from .reports import typescript
from .servers import RedisServer, aws, redis_server

HOUR = datetime.timedelta(hours=1)


@pytest.fixture(scope="module")
def server() -> Iterator[Monitor]:
    """Writes its views at once, has no cache."""
    with monitor(view_transition_ms=1) as running:
        yield running


@pytest.fixture
def hot() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
def reader(hot: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(hot.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def states(hot: RedisServer, server: Monitor) -> Iterator[StateAPI]:
    with StateAPI(redis=hot.url, store=f"dir:{server.store}") as api:
        yield api


def document(store: Path, key: str) -> dict[str, Any]:
    """The view, once the monitor has written it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (store / key).exists():
        assert time.monotonic() < end, f"{key} was never written"
    read: dict[str, Any] = json.loads((store / key).read_text())
    return read


def active_job(server: Monitor, api: TranscriptionAPI) -> dict[str, Any]:
    return document(server.store, f"jobs/active/{api.jobs.submit('s3://audio/a.mp3').id}/state.json")


def finished_key(job: Job, end: str) -> str:
    assert job.completed_at is not None
    return f"jobs/{end}/{job.completed_at:%Y/%m/%d}/hour={job.completed_at:%H}/{job.id}.json"


def write(store: Path, key: str, text: str) -> None:
    (store / key).parent.mkdir(parents=True, exist_ok=True)
    (store / key).write_text(text)


def test_a_job_in_redis_is_read_from_there(hot: RedisServer, reader: redis.Redis, tmp_path: Path) -> None:
    """[A81] [A82]"""
    with monitor(cache=hot.url) as running, TranscriptionAPI(base_url=running.url) as api:
        job = api.jobs.submit("s3://audio/a.mp3", metadata={"as_of_seq": "999", "title": "Größe"})
        end = time.monotonic() + PATIENCE_SECONDS
        while reader.get(f"job:{job.id}") is None:
            assert time.monotonic() < end
        # Its store has nothing: it can only come from Redis.
        with StateAPI(redis=hot.url, store=f"dir:{tmp_path}") as states:
            state = states.get_job_state(job.id)
    # Its place in the queue is known to the monitor alone.
    assert Job.model_validate(state) == job.model_copy(update={"queue_position": None})
    assert state["metadata"]["title"] == "Größe"


def test_a_job_that_is_not_in_redis_is_read_from_the_store_and_kept_in_redis_for_300_s(
    states: StateAPI, reader: redis.Redis, server: Monitor, api: TranscriptionAPI
) -> None:
    """[A83] [A84]"""
    view = active_job(server, api)
    key = f"job:{view['job_id']}"
    assert reader.get(key) is None
    assert states.get_job_state(view["job_id"]) == view
    assert json.loads(str(reader.get(key))) == view
    assert reader.ttl(key) == 300
    server.remove(f"jobs/active/{view['job_id']}/state.json")
    assert states.get_job_state(view["job_id"]) == view


def test_a_reader_does_not_replace_a_newer_document_or_bring_back_a_job_that_ended(
    states: StateAPI, reader: redis.Redis, server: Monitor, api: TranscriptionAPI
) -> None:
    """[A84]"""
    view = active_job(server, api)
    job_id, seq = view["job_id"], view["as_of_seq"]
    newer = json.dumps({**view, "as_of_seq": seq + 1})
    cache = JobCache(states.redis)
    reader.set(f"job:{job_id}", newer)
    cache.fill(job_id, view)
    assert reader.get(f"job:{job_id}") == newer
    reader.delete(f"job:{job_id}")
    reader.set(f"job-ended:{job_id}", seq + 1)
    cache.fill(job_id, view)
    assert reader.get(f"job:{job_id}") is None
    assert states.get_job_state(job_id) == view, "the view has not been removed yet"
    cache.fill(job_id, {**view, "as_of_seq": seq + 2})
    assert reader.ttl(f"job:{job_id}") == 300, "the job was redriven"


def test_nothing_older_than_min_seq_is_returned(
    states: StateAPI, reader: redis.Redis, server: Monitor, api: TranscriptionAPI
) -> None:
    view = active_job(server, api)
    job_id, seq = view["job_id"], view["as_of_seq"]
    older = {**view, "state": "SUBMITTED", "as_of_seq": seq - 1}
    reader.set(f"job:{job_id}", json.dumps(older))
    assert states.get_job_state(job_id) == older
    assert states.get_job_state(job_id, min_seq=seq - 1) == older
    assert states.get_job_state(job_id, min_seq=seq) == view
    assert json.loads(str(reader.get(f"job:{job_id}"))) == view
    with pytest.raises(UnavailableError, match=f"as of {seq}, not yet as of {seq + 1}") as refused:
        states.get_job_state(job_id, min_seq=seq + 1)
    assert refused.value.code == "seq_not_reached"


def test_what_is_no_document_in_redis_is_passed_over_and_replaced(
    states: StateAPI, reader: redis.Redis, server: Monitor, api: TranscriptionAPI
) -> None:
    view = active_job(server, api)
    key = f"job:{view['job_id']}"
    for text in ("", "{", "[]", "7", '{"as_of_seq":1e9}', json.dumps({**view, "job_id": "another", "as_of_seq": 0})):
        reader.set(key, text)
        assert states.get_job_state(view["job_id"]) == view
    assert json.loads(str(reader.get(key))) == view


def test_a_finished_job_is_found_by_the_hour_of_its_end(
    states: StateAPI, reader: redis.Redis, server: Monitor, api: TranscriptionAPI
) -> None:
    job = api.jobs.cancel(api.jobs.submit("s3://audio/a.mp3").id)
    view = document(server.store, finished_key(job, "cancelled"))
    assert view["state"] == "CANCELLED"
    # The view of the active job is removed after the other has been written.
    until = time.monotonic() + PATIENCE_SECONDS
    while states.get_job_state(job.id) != view:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert reader.get(f"job:{job.id}") is None, "the cache is for active jobs"

    # As if it had ended on another day.
    long_ago = datetime.datetime(2025, 7, 7, 19, 30, tzinfo=datetime.timezone(2 * HOUR))
    write(server.store, "jobs/completed/2025/07/07/hour=17/job-old.json", json.dumps({**view, "job_id": "job-old"}))
    with pytest.raises(NotFoundError, match="ended_at") as missing:
        states.get_job_state("job-old")
    assert (missing.value.code, missing.value.status) == ("job_not_found", 404)
    assert states.get_job_state("job-old", ended_at=long_ago)["job_id"] == "job-old"
    naive = datetime.datetime(2025, 7, 7, 17, 59)  # noqa: DTZ001
    assert states.get_job_state("job-old", ended_at=naive)["job_id"] == "job-old"
    with pytest.raises(NotFoundError):
        states.get_job_state("job-old", ended_at=long_ago + HOUR)


def test_a_dead_letter_is_found_however_long_ago_it_failed(
    states: StateAPI, server: Monitor, api: TranscriptionAPI
) -> None:
    api.workers.register("worker-1", capabilities={})
    job_id = api.jobs.submit("s3://audio/a.mp3", max_attempts=1, priority="high").id
    held = {job.job.job_id: job for job in api.workers.claim("worker-1", max_jobs=100).jobs}[job_id]
    error: Failure = {"code": "audio_unreadable", "message": "it is a text file", "retryable": False}
    job = api.jobs.fail(job_id, lease_token=held.lease.token, error=error)
    view = document(server.store, f"jobs/failed/{job_id}/state.json")
    document(server.store, finished_key(job, "failed"))
    server.remove(finished_key(job, "failed"))
    end = time.monotonic() + PATIENCE_SECONDS
    while (server.store / f"jobs/active/{job_id}/state.json").exists():
        assert time.monotonic() < end
    assert states.get_job_state(job_id) == view


def test_a_damaged_object_is_named_with_the_command_that_repairs_it(states: StateAPI, server: Monitor) -> None:
    for text in ("", '{"job_id": "job-damaged", "as', "[]", '{"job_id":"another","as_of_seq":1}'):
        write(server.store, "jobs/active/job-damaged/state.json", text)
        with pytest.raises(ServerFaultError, match=r"jobs/active/job-damaged/state\.json") as damaged:
            states.get_job_state("job-damaged")
        assert damaged.value.code == "view_damaged"
        assert damaged.value.hint == f"`tmon rebuild --store dir:{server.store}` writes it again."


def test_an_id_that_is_none_reads_nothing(states: StateAPI) -> None:
    for job_id in ("", "../secret", "a/b", "a\n", "é", "*"):
        with pytest.raises(ApiError) as bad:
            states.get_job_state(job_id)
        assert bad.value.code == "bad_id"


def test_without_redis_the_store_is_read_and_one_warning_logged_until_it_is_back(
    hot: RedisServer,
    server: Monitor,
    api: TranscriptionAPI,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = active_job(server, api)
    caplog.set_level(logging.INFO, "transcription_monitor.state")
    now = time.monotonic()
    monkeypatch.setattr("transcription_monitor.state.job_cache.monotonic", lambda: now)
    with StateAPI(redis=hot.url.replace("//", "//:hush@"), store=f"dir:{server.store}") as states:
        hot.stop()
        for _ in range(3):
            assert states.get_job_state(view["job_id"]) == view
            now += PAUSE_SECONDS
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "the cache can't be read" in caplog.text
        assert "hush" not in caplog.text
    caplog.clear()
    with StateAPI(redis=hot.url, store=f"dir:{server.store}") as states:
        states.get_job_state(view["job_id"])
        hot.start()
        states.get_job_state(view["job_id"])
        assert [record.levelname for record in caplog.records] == ["WARNING"], "it is left alone for a while"
        now += PAUSE_SECONDS
        assert states.get_job_state(view["job_id"]) == view
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
        assert states.redis.ttl(f"job:{view['job_id']}") == 300
        # A restart between two reads goes unnoticed.
        hot.stop()
        hot.start()
        assert states.get_job_state(view["job_id"]) == view
        assert len(caplog.records) == 2


def test_a_redis_that_answers_nothing_does_not_hold_up_a_reader(
    states: StateAPI, hot: RedisServer, server: Monitor, api: TranscriptionAPI, caplog: pytest.LogCaptureFixture
) -> None:
    view = active_job(server, api)
    hot.signal(signal.SIGSTOP)
    try:
        assert states.get_job_state(view["job_id"]) == view
    finally:
        hot.signal(signal.SIGCONT)
    assert "the cache can't be read" in caplog.text


def test_a_redis_that_can_only_be_read_is_read(
    states: StateAPI, reader: redis.Redis, server: Monitor, api: TranscriptionAPI, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = active_job(server, api), active_job(server, api)
    assert states.get_job_state(first["job_id"]) == first
    reader.replicaof("127.0.0.1", 1)
    server.remove(f"jobs/active/{first['job_id']}/state.json")
    for _ in range(2):
        assert states.get_job_state(second["job_id"]) == second
        assert states.get_job_state(first["job_id"]) == first
    assert [record.message.partition(":")[0] for record in caplog.records] == ["the cache can't be filled"]


def test_a_client_of_your_own_is_used_and_left_open(
    reader: redis.Redis, server: Monitor, api: TranscriptionAPI
) -> None:
    view = active_job(server, api)
    with StateAPI(redis=reader, store=f"dir:{server.store}") as states:
        assert states.redis is reader
        assert states.get_job_state(view["job_id"]) == states.get_job_state(view["job_id"]) == view
    assert reader.ping()


def test_without_a_cache_only_the_store_is_read(server: Monitor, api: TranscriptionAPI) -> None:
    view = active_job(server, api)
    with StateAPI(redis=None, store=f"dir://{server.store}") as states:
        assert states.redis is None
        assert states.get_job_state(view["job_id"]) == view


def test_a_bucket_is_read_by_boto3(
    hot: RedisServer, server: Monitor, api: TranscriptionAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A81] [A83]"""
    view = active_job(server, api)
    key = f"jobs/active/{view['job_id']}/state.json"
    with aws() as environment:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="tmon")
        client.put_object(Bucket="tmon", Key=f"some/prefix/{key}", Body=json.dumps(view, indent=2).encode())
        client.put_object(Bucket="tmon", Key="jobs/active/job-cut/state.json", Body=b"{")
        with StateAPI(redis=hot.url, bucket="tmon", prefix="/some/prefix/") as states:
            assert states.get_job_state(view["job_id"]) == view
            assert states.s3.get_object(key) == json.dumps(view, indent=2).encode()
            with pytest.raises(NotFoundError):
                states.get_job_state("job-none")
        monkeypatch.setenv("TMON_STORE", "s3://tmon")
        monkeypatch.setenv("TMON_CACHE", hot.url)
        with StateAPI(s3=client) as states, pytest.raises(ServerFaultError, match="s3://tmon/jobs/active/job-cut"):
            states.get_job_state("job-cut")
        with StateAPI(hot.url, client, "none") as states, pytest.raises(ApiError, match="NoSuchBucket") as away:
            states.get_job_state("job-1")
        assert away.value.code == "store_unavailable"


def test_a_store_that_is_none_is_refused_with_what_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMON_STORE", raising=False)
    for url in (None, "", "memory:", "s3://", "dir:"):
        with pytest.raises(ApiError, match="store") as bad:
            StateAPI(redis=None, store=url)
        assert bad.value.code == "bad_store_url"
    with pytest.raises(ApiError) as gone:
        StateAPI(redis=None, store=f"dir:{tmp_path}/none").get_job_state("job-1")
    assert gone.value.code == "store_unavailable"


def test_a_redis_url_that_is_none_and_a_missing_package_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ApiError) as bad:
        StateAPI(redis="http://:hush@host", store=f"dir:{tmp_path}")
    assert bad.value.code == "bad_cache_url"
    assert "hush" not in str(bad.value)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ApiError, match=r"transcription-monitor\[cache\]"):
        StateAPI(redis="redis://host", store=f"dir:{tmp_path}")


def test_the_script_in_redis_is_the_monitor_s() -> None:
    assert (
        typescript("import { WRITE_JOB } from './protocol/job-cache.ts'; console.log(JSON.stringify(WRITE_JOB))", 0)
        == WRITE_JOB
    )
