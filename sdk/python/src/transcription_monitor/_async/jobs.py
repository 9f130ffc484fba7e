"""`api.jobs`: recordings to transcribe, from their submission to their transcript."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Literal, overload

from typing_extensions import Unpack

from .._call import Call, given, path
from ..bodies import (
    CallOptions,
    Failure,
    JobStateName,
    JobSubmission,
    Output,
    OutputFormat,
    Priority,
    RetryWith,
)
from ..errors import InvalidRequestError
from ..models import (
    Job,
    JobAcknowledgement,
    JobProgressDocument,
    JobTimeline,
    JobUpdate,
    StoredTranscript,
    Transcript,
)
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
        tags: Sequence[str] | None = None,
        metadata: dict[str, str] | None = None,
        webhook_url: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Job:
        """Puts a recording into the queue. Once this answers, no crash loses the job.

        `audio_url` is `s3://bucket/key`, `https://…`, or the `audio_url` that `uploads.create` answered; workers
        fetch it. `bodies.JobSubmission` says what the others are. Raises InvalidRequestError.
        """
        body = given(
            audio_url=audio_url,
            output_format=output_format,
            priority=priority,
            max_attempts=max_attempts,
            duration_seconds=duration_seconds,
            file_size_bytes=file_size_bytes,
            tags=None if tags is None else list(tags),
            metadata=metadata,
            webhook_url=webhook_url,
        )
        return await self._transport.model(Job, Call("POST", "/jobs", body=body, options=options))

    async def submit_batch(
        self, submissions: Sequence[JobSubmission], **options: Unpack[CallOptions]
    ) -> list[Job | InvalidRequestError]:
        """Up to 1,000 recordings in one commit, each answered in its place: a job, or what is wrong with it.

        Raises only where the request as a whole is refused.
        """
        body = {"jobs": [dict(one) for one in submissions]}
        answer = await self._transport.json(Call("POST", "/jobs/batch", body=body, options=options))
        return [
            Job.model_validate(one["job"]) if "job" in one else InvalidRequestError(one["error"])
            for one in answer["jobs"]
        ]

    async def get(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """A job, in any state, ever. Raises NotFoundError."""
        return await self._transport.model(Job, Call("GET", path("jobs", job_id), options=options))

    def list(
        self,
        *,
        state: JobStateName | None = None,
        worker_id: str | None = None,
        priority: Priority | None = None,
        tag: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        q: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncPages[Job]:
        """Jobs, the newest first. `limit` is the size of a page (100, up to 1,000), not of the list.

        `q` is found in id, input path, tags, metadata or last error, in any case. Times have a time zone.
        """
        query = given(
            state=state,
            worker_id=worker_id,
            priority=priority,
            tag=tag,
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
        """The job as it is, then each change, until it is COMPLETED, FAILED or CANCELLED; over restarts of the monitor.

        It follows the monitor's live feed and takes up after a broken connection where it was. Where the feed can't
        be had (an older monitor, a proxy that knows no WebSocket, a transport of your own), it asks every
        `poll_seconds` instead. The first question fails as any call does: NotFoundError, UnreachableError. Once the
        job has been seen, a monitor that is away is waited for; `on_away` is told once each time it goes, and with
        None when it is back.
        """
        return watch_job(self._transport, job_id, poll_seconds=poll_seconds, on_away=on_away)

    async def cancel(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """CANCELLED at once while it waits; CANCELLING while a worker has it. Raises ConflictError after its end."""
        return await self._transport.model(Job, Call("DELETE", path("jobs", job_id), options=options))

    async def retry(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """A FAILED or CANCELLED job goes back into the queue, with all its attempts before it."""
        return await self._transport.model(Job, Call("POST", path("jobs", job_id, "retry"), options=options))

    async def progress(self, job_id: str, **options: Unpack[CallOptions]) -> JobProgressDocument:
        """How far it is, without the rest of it."""
        call = Call("GET", path("jobs", job_id, "progress"), options=options)
        return await self._transport.model(JobProgressDocument, call)

    async def timeline(self, job_id: str, **options: Unpack[CallOptions]) -> JobTimeline:
        """Every state it has been in."""
        return await self._transport.model(JobTimeline, Call("GET", path("jobs", job_id, "timeline"), options=options))

    @overload
    async def transcript(
        self, job_id: str, format: Literal["json"] = "json", **options: Unpack[CallOptions]
    ) -> Transcript: ...

    @overload
    async def transcript(
        self, job_id: str, format: Literal["text", "srt", "vtt"], **options: Unpack[CallOptions]
    ) -> str: ...

    async def transcript(
        self, job_id: str, format: OutputFormat = "json", **options: Unpack[CallOptions]
    ) -> Transcript | str:
        """The transcript of a completed job: an object, or rendered as `text`, `srt` or `vtt`.

        Raises NotFoundError while there is none in the monitor's store.
        """
        call = Call("GET", path("jobs", job_id, "transcript"), {"format": format}, options=options)
        if format == "json":
            return await self._transport.model(Transcript, call)
        return (await self._transport.answer(call)).text

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
        """Worker's side: how far it is. Soft: the newest may be lost in a crash of the monitor.

        `eta_seconds` is worked out from the last reports when left out; `duration_seconds` and `file_size_bytes` are
        those of the recording, once the worker has learnt them. Raises LeaseExpiredError when the job is no longer
        this worker's.
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
        """Worker's side: stores the transcript, unless an earlier attempt has; then that one holds."""
        headers = {"lease-token": lease_token}
        body = transcript.model_dump(mode="json")
        call = Call("PUT", path("jobs", job_id, "transcript"), body=body, headers=headers, options=options)
        return await self._transport.model(StoredTranscript, call)

    async def complete(self, job_id: str, lease_token: str, output: Output, **options: Unpack[CallOptions]) -> Job:
        """Worker's side: the transcript is there. Raises LeaseExpiredError when the job is no longer this worker's."""
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
        """Worker's side: the attempt failed; another follows if it can help. Raises LeaseExpiredError, as `complete`
        does.
        """
        body = given(lease_token=lease_token, error=error, retry_with=retry_with)
        return await self._transport.model(Job, Call("POST", path("jobs", job_id, "fail"), body=body, options=options))
