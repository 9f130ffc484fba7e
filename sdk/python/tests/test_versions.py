"""Older and newer monitors: a field that is missing, a state that is new."""

from __future__ import annotations

import pickle
import types
from typing import Any, Union, get_args, get_origin

import httpx
import pytest
from pydantic import ValidationError

from transcription_monitor import TranscriptionAPI, UnexpectedResponseError, models
from transcription_monitor.models import Job, JobUpdate, Model
from transcription_monitor.testing import MockMonitor

from .documents import NOW, job_document
from .test_transport import Serving, client_of, job_answer

MODELS = [
    model for name in models.__all__ if isinstance(model := getattr(models, name), type) and issubclass(model, Model)
]

#: Besides `id`: by what one thing differs from another, and what must not be taken for an empty result.
REQUIRED = {
    "AttemptLog": {"text"},
    "AttemptLogReceipt": {"end_bytes"},
    "TranscriptWord": {"start_seconds", "end_seconds", "text"},
    "VerboseSegment": {"start", "end", "text"},
    "VerboseTranscript": {"text", "segments"},
    "VerboseWord": {"word", "start", "end"},
    "AuditVerification": {"intact"},
    "EndedLink": {"link_id"},
    "Link": {"link_id", "url"},
    "Tenant": {"tenant"},
    "Claimed": {"jobs"},
    "ClaimedJob": {"job", "lease", "audio_url"},
    "CurrentMetrics": {"hour", "day"},
    "FeedMessage": {"type", "resource", "seq", "index"},
    "FeedPosition": {"seq", "index"},
    "HeartbeatAnswer": {"leases"},
    "Job": {"job_id"},
    "JobAcknowledgement": {"job_id"},
    "JobProgressDocument": {"job_id"},
    "JobTimeline": {"job_id"},
    "JobToken": {"token"},
    "JobUpdate": {"job_id", "state"},
    "JobWhy": {"job_id"},
    "JobWorker": {"worker_id"},
    "Lease": {"token", "expires_at"},
    "LogEventAnswer": {"accepted"},
    "MetricsPeriod": {"period_start"},
    "MetricsShare": {"period_start"},
    "NewApiKey": {"key"},
    "RejectedLine": {"line"},
    "StoredTranscript": {"s3_path"},
    "Ticket": {"ticket"},
    "Transcript": {"text", "segments"},
    "TranscriptSegment": {"start_seconds", "end_seconds", "text"},
    "Upload": {"upload_id", "audio_url"},
    "Worker": {"worker_id"},
    "WorkerCommand": {"type"},
    "WorkerJob": {"job_id", "worker_id"},
}


def sample(kind: Any) -> Any:
    """A value of a type, as JSON."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return sample(inner[0])
    if origin is list:
        return [sample(inner[0])]
    if origin is dict:
        return {}
    if isinstance(kind, type) and issubclass(kind, Model):
        return document(kind)
    return {str: "x", int: 1, float: 1.5, bool: True, Any: None}.get(kind, NOW)


def document(model: type[Model]) -> dict[str, Any]:
    return {field.alias or name: sample(field.annotation) for name, field in model.model_fields.items()}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_document_without_one_of_its_fields_is_read_unless_it_is_an_id(model: type[Model]) -> None:
    whole = document(model)
    model.model_validate(whole)
    required = set()
    for name in whole:
        fields = {other: value for other, value in whole.items() if other != name}
        try:
            read = model.model_validate(fields)
        except ValidationError:
            required.add(name)
        else:
            value = getattr(read, name + "_" if name == "from" else name)
            assert not value or isinstance(value, Model) or (model, name) == (JobUpdate, "type")
    assert required - {"id"} == REQUIRED.get(model.__name__, set())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_result_can_be_pickled_with_fields_that_this_version_does_not_know(model: type[Model]) -> None:
    read = model.model_validate({**document(model), "brand_new": {"mood": "fine"}})
    assert pickle.loads(pickle.dumps(read)) == read
    assert (read.model_extra or {})["brand_new"] == {"mood": "fine"}


def test_watching_ends_with_a_final_state_that_this_version_does_not_know() -> None:
    serving = Serving(job_answer(state="PROCESSING"), job_answer(state="EXPIRED", final=True))
    updates = list(client_of(serving).jobs.watch("job-1", poll_seconds=0))
    assert [(update.state, update.finished) for update in updates] == [("PROCESSING", False), ("EXPIRED", True)]


def test_a_state_that_this_version_does_not_know_is_not_final_without_the_word_of_the_monitor() -> None:
    assert not Job.model_validate(job_document(state="PONDERING")).finished
    assert not Job.model_validate(job_document(state="PONDERING", final=False)).finished
    assert Job.model_validate(job_document(state="FAILED")).finished


def test_an_object_with_nothing_of_the_expected_result_is_not_a_result() -> None:
    api = client_of(Serving(httpx.Response(200, json={"status": "ok"})))
    with pytest.raises(UnexpectedResponseError, match="nothing of CostReport"):
        api.analytics.costs()


def test_the_mock_monitor_takes_large_documents() -> None:
    monitor = MockMonitor()
    api = TranscriptionAPI("http://monitor.test", transport=monitor)
    assert len(api.jobs.submit_batch([{"audio_url": f"s3://bucket/{n}.mp3"} for n in range(1000)])) == 1000
    assert monitor.requests[0].headers["content-encoding"] == "gzip"
