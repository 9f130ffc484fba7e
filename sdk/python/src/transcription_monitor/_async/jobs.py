"""`api.jobs`: recordings to transcribe, from submission to transcript."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Literal, overload

from typing_extensions import Unpack

from .._call import Call, given, path, unexpected
from ..bodies import (
    CallOptions,
    Failure,
    JobFilter,
    JobOptions,
    JobStateName,
    JobSubmission,
    Output,
    OutputFormat,
    Priority,
    RetryWith,
    TranscriptFormat,
    VerdictStatus,
)
from ..errors import InvalidRequestError
from ..models import (
    AttemptLog,
    AttemptLogReceipt,
    Erasure,
    ErasureAnswer,
    Job,
    JobAcknowledgement,
    JobProgressDocument,
    JobTimeline,
    JobToken,
    JobUpdate,
    JobWhy,
    Link,
    StoredTranscript,
    Transcript,
    VerboseTranscript,
)
from ..models.job import BatchAnswer
from .pages import AsyncPages
from .transport import AsyncTransport
from .watch import watch_job


class AsyncJobs:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def submit(
        self,
        audio_url: str,
        *,
        output_format: OutputFormat | None = None,
        priority: Priority | None = None,
        max_attempts: int | None = None,
        duration_seconds: float | None = None,
        file_size_bytes: int | None = None,
        require_complete: bool | None = None,
        tags: Sequence[str] | None = None,
        tenant: str | None = None,
        metadata: dict[str, str] | None = None,
        job_options: JobOptions | None = None,
        webhook_url: str | None = None,
        webhook_events: Sequence[Literal["completed", "failed", "cancelled"]] | None = None,
        traceparent: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Job:
        """Submits a recording. Once this returns, the job survives any crash.

        `audio_url` is `s3://bucket/key`, `https://…`, or the `audio_url` returned by `uploads.create`; workers
        fetch it. `job_options` says how it is to be transcribed. `bodies.JobSubmission` documents the other arguments.
        Raises InvalidRequestError.
        """
        body = given(
            audio_url=audio_url,
            output_format=output_format,
            priority=priority,
            max_attempts=max_attempts,
            duration_seconds=duration_seconds,
            file_size_bytes=file_size_bytes,
            require_complete=require_complete,
            tags=None if tags is None else list(tags),
            tenant=tenant,
            metadata=metadata,
            options=job_options,
            webhook_url=webhook_url,
            webhook_events=None if webhook_events is None else list(webhook_events),
            traceparent=traceparent,
        )
        return await self._transport.model(Job, Call("POST", "/jobs", body=body, options=options))

    async def submit_batch(
        self, submissions: Sequence[JobSubmission], **options: Unpack[CallOptions]
    ) -> list[Job | InvalidRequestError]:
        """Submits up to 1,000 recordings, at most 16 MiB as JSON; each result, in order, is a job or an error.

        Raises only if the request as a whole is refused. Up to 1 MiB is one commit; of more, the jobs of later commits
        may have an error of their own.
        """
        body = {"jobs": [dict(one) for one in submissions]}
        answer = await self._transport.model(BatchAnswer, Call("POST", "/jobs/batch", body=body, options=options))
        return [InvalidRequestError(one.error or {}) if one.job is None else one.job for one in answer.jobs]

    async def get(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """A job in any state, however old. Raises NotFoundError."""
        return await self._transport.model(Job, Call("GET", path("jobs", job_id), options=options))

    def list(
        self,
        *,
        state: JobStateName | None = None,
        worker_id: str | None = None,
        priority: Priority | None = None,
        tag: str | None = None,
        tenant: str | None = None,
        suspect: bool | None = None,
        verdict: VerdictStatus | None = None,
        model: str | None = None,
        error_code: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        q: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncPages[Job]:
        """Jobs, newest first. `limit` is the page size (100, up to 1,000), not the length of the list.

        `suspect=True`: whose transcript can hardly be what was said. `verdict`: of jobs that are not finished.
        `model`: of the worker of the last attempt. `error_code`: of the last error.
        `q` matches id, input path, tags, metadata or last error; case-insensitive. Times must have a time zone.
        """
        query = given(
            state=state,
            worker_id=worker_id,
            priority=priority,
            tag=tag,
            tenant=tenant,
            suspect=suspect,
            verdict=verdict,
            model=model,
            error_code=error_code,
            created_after=created_after,
            created_before=created_before,
            q=q,
            limit=limit,
            cursor=cursor,
        )
        return AsyncPages(self._transport, Job, Call("GET", "/jobs", query, options=options))

    def watch(
        self,
        job_id: str,
        *,
        poll_seconds: float = 0.5,
        on_away: Callable[[Exception | None], None] | None = None,
    ) -> AsyncIterator[JobUpdate]:
        """Yields the job now, then each change, until its end or until the client is closed; survives restarts of the
        monitor.

        It follows the monitor's live feed and resumes after a broken connection. If the feed is not available (an older
        monitor, a proxy without WebSocket, a transport of your own), it polls every `poll_seconds` instead. The first
        request fails as any call does: NotFoundError, UnreachableError. Once the job has been read, it waits for a
        monitor that is away; `on_away` is called each time the monitor goes away, and with None once it is back.
        """
        return watch_job(self._transport, job_id, poll_seconds=poll_seconds, on_away=on_away)

    async def cancel(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """The job is CANCELLED at once if it waits, CANCELLING while a worker holds it. Raises ConflictError."""
        return await self._transport.model(Job, Call("DELETE", path("jobs", job_id), options=options))

    async def erase(self, job_id: str, **options: Unpack[CallOptions]) -> Erasure:
        """Erases the job and everything personal about it: recording, transcript, views, archive.

        Raises ConflictError `job_running` while a worker holds it. The journal keeps its fields until `journal_until`.
        """
        return await self._transport.model(
            Erasure, Call("DELETE", path("jobs", job_id), given(purge=True), options=options)
        )

    async def erase_matching(
        self,
        filter: JobFilter,
        *,
        dry_run: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
        **options: Unpack[CallOptions],
    ) -> ErasureAnswer:
        """Erases the jobs that match, up to `limit`; repeat it with `next_cursor` until that is None.

        `dry_run` only returns their ids.
        """
        body = given(filter=filter, dry_run=dry_run, limit=limit, cursor=cursor)
        return await self._transport.model(ErasureAnswer, Call("POST", "/jobs/erase", body=body, options=options))

    async def retry(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """Returns a FAILED or CANCELLED job to the queue, with a full number of attempts."""
        return await self._transport.model(Job, Call("POST", path("jobs", job_id, "retry"), options=options))

    async def create_token(
        self, job_id: str, *, expires_in_seconds: int | None = None, **options: Unpack[CallOptions]
    ) -> JobToken:
        """A token that reads and follows this job and nothing else, for a browser. By default it counts for an hour."""
        body = given(expires_in_seconds=expires_in_seconds)
        call = Call("POST", path("jobs", job_id, "tokens"), body=body, options=options)
        return await self._transport.model(JobToken, call)

    async def create_link(
        self,
        job_id: str,
        *,
        format: OutputFormat | None = None,
        expires_in_seconds: int | None = None,
        **options: Unpack[CallOptions],
    ) -> Link:
        """A link that opens the transcript of this job without a key: a day, or as long as you say, up to seven."""
        body = {"for": "transcript", **given(format=format, expires_in_seconds=expires_in_seconds)}
        return await self._transport.model(
            Link, Call("POST", path("jobs", job_id, "links"), body=body, options=options)
        )

    async def progress(self, job_id: str, **options: Unpack[CallOptions]) -> JobProgressDocument:
        """The progress of a job."""
        call = Call("GET", path("jobs", job_id, "progress"), options=options)
        return await self._transport.model(JobProgressDocument, call)

    async def timeline(self, job_id: str, **options: Unpack[CallOptions]) -> JobTimeline:
        """Every state that the job has been in."""
        return await self._transport.model(JobTimeline, Call("GET", path("jobs", job_id, "timeline"), options=options))

    async def why(self, job_id: str, **options: Unpack[CallOptions]) -> JobWhy:
        """Why the job waits, is slow, has failed or costs what it costs, and the call that helps."""
        return await self._transport.model(JobWhy, Call("GET", path("jobs", job_id, "why"), options=options))

    @overload
    async def transcript(
        self, job_id: str, format: Literal["json"] = "json", **options: Unpack[CallOptions]
    ) -> Transcript: ...

    @overload
    async def transcript(
        self, job_id: str, format: Literal["text", "srt", "vtt"], **options: Unpack[CallOptions]
    ) -> str: ...

    @overload
    async def transcript(
        self, job_id: str, format: Literal["verbose_json"], **options: Unpack[CallOptions]
    ) -> VerboseTranscript: ...

    async def transcript(
        self, job_id: str, format: TranscriptFormat = "json", **options: Unpack[CallOptions]
    ) -> Transcript | VerboseTranscript | str:
        """The transcript of a completed job: an object, or rendered as `text`, `srt` or `vtt`.

        `verbose_json` is in the form of OpenAI's API. Raises NotFoundError if the monitor's store has none.
        """
        call = Call("GET", path("jobs", job_id, "transcript"), {"format": format}, options=options)
        if format == "json":
            return await self._transport.model(Transcript, call)
        if format == "verbose_json":
            return await self._transport.model(VerboseTranscript, call)
        return await self._transport.text(call)

    async def attempt_log(
        self, job_id: str, attempt: int, *, after_bytes: int = 0, **options: Unpack[CallOptions]
    ) -> AttemptLog:
        """The end of what the engine printed during an attempt, live while it runs.

        `after_bytes`: only what follows; to follow the log, pass the `end_bytes` of the last call until it is
        `complete`. Raises NotFoundError if there is none.
        """
        query = {"after": after_bytes}
        call = Call("GET", path("jobs", job_id, "attempts", str(attempt), "log"), query, options=options)
        response = await self._transport.answer(call)
        headers = response.headers
        if "log-end" not in headers:
            raise unexpected(response, "no log of an attempt")
        return AttemptLog(
            text=response.text,
            end_bytes=int(headers.get("log-end", 0)),
            complete=headers.get("log-complete") == "true",
        )

    async def put_attempt_log(
        self,
        job_id: str,
        attempt: int,
        lease_token: str,
        text: str,
        *,
        end_bytes: int,
        **options: Unpack[CallOptions],
    ) -> AttemptLogReceipt:
        """For workers: stores the end of the log of the attempt that the lease is for, at most once a second.

        `end_bytes`: where the text ends, in bytes since this worker began with the attempt. The last 64 KiB are kept.
        """
        call = Call(
            "PUT",
            path("jobs", job_id, "attempts", str(attempt), "log"),
            {"end_bytes": end_bytes},
            content=text.encode(),
            headers={"lease-token": lease_token, "content-type": "text/plain; charset=utf-8"},
            options=options,
        )
        return await self._transport.model(AttemptLogReceipt, call)

    async def report_progress(
        self,
        job_id: str,
        lease_token: str,
        *,
        percentage: float,
        stage: str | None = None,
        current_chunk: int | None = None,
        total_chunks: int | None = None,
        eta_seconds: float | None = None,
        duration_seconds: float | None = None,
        file_size_bytes: int | None = None,
        **options: Unpack[CallOptions],
    ) -> JobAcknowledgement:
        """For workers: reports progress. The latest report may be lost if the monitor crashes.

        `eta_seconds` is calculated from the last reports if omitted; `duration_seconds` and `file_size_bytes` are those
        of the recording, once known. Raises LeaseExpiredError if the job is no longer this worker's.
        """
        body = given(
            lease_token=lease_token,
            percentage=percentage,
            stage=stage,
            current_chunk=current_chunk,
            total_chunks=total_chunks,
            eta_seconds=eta_seconds,
            duration_seconds=duration_seconds,
            file_size_bytes=file_size_bytes,
        )
        call = Call("PUT", path("jobs", job_id, "progress"), body=body, options=options)
        return await self._transport.model(JobAcknowledgement, call)

    async def put_transcript(
        self, job_id: str, lease_token: str, transcript: Transcript, **options: Unpack[CallOptions]
    ) -> StoredTranscript:
        """For workers: stores the transcript, unless an earlier attempt already has; that one is then kept."""
        headers = {"lease-token": lease_token}
        body = transcript.model_dump(mode="json")
        call = Call("PUT", path("jobs", job_id, "transcript"), body=body, headers=headers, options=options)
        return await self._transport.model(StoredTranscript, call)

    async def complete(self, job_id: str, lease_token: str, output: Output, **options: Unpack[CallOptions]) -> Job:
        """For workers: the transcript is stored. Raises LeaseExpiredError if the job is no longer this worker's."""
        body = {"lease_token": lease_token, "output": output}
        return await self._transport.model(
            Job, Call("POST", path("jobs", job_id, "complete"), body=body, options=options)
        )

    async def fail(
        self,
        job_id: str,
        lease_token: str,
        error: Failure,
        *,
        retry_with: RetryWith | None = None,
        **options: Unpack[CallOptions],
    ) -> Job:
        """For workers: the attempt failed; another follows if it can help. Raises LeaseExpiredError."""
        body = given(lease_token=lease_token, error=error, retry_with=retry_with)
        return await self._transport.model(Job, Call("POST", path("jobs", job_id, "fail"), body=body, options=options))
