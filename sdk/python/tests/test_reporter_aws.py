"""CloudWatch Logs, S3, SQS and DynamoDB, by boto3 against `moto_server`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from transcription_monitor import Reporter
from transcription_monitor.reporter.sinks.dynamodb import update_of
from transcription_monitor.reporter.status import JobStatus

from .processes import PATIENCE_SECONDS
from .reports import ENDS, WORKER, heard_of_trouble, leave_old_starts, tell_four_jobs, typescript
from .servers import aws

DYNAMO = """
import { dynamoCreateTable, dynamoUpdate } from './protocol/job-status-table.ts';
const sighting = {
  job_id: 'job-1', state: 'FAILED', told_ms: 1751916600000, worker_id: 'worker-456', started_ms: 1751916500123,
  ended_ms: null, percentage: 45.7, stage: null, audio_duration: null, duration: null, segments: null, s3_path: null,
  error: 'no',
};
const update = (changes) => dynamoUpdate('job_status', { ...sighting, ...changes });
const told = [update({}), update({ state: 'PROCESSING', error: null, started_ms: null, percentage: null })];
console.log(JSON.stringify([dynamoCreateTable('job_status'), told]));
"""


@pytest.fixture(scope="module")
def moto() -> Iterator[dict[str, str]]:
    with aws() as environment:
        yield environment


@pytest.fixture(autouse=True)
def environment(moto: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in moto.items():
        monkeypatch.setenv(name, value)


def client(service: str) -> Any:
    return boto3.client(service)


def report_to(url: str) -> None:
    with Reporter.from_url(url, worker_id=WORKER) as reporter:
        tell_four_jobs(reporter)
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0


def away(url: str, caplog: pytest.LogCaptureFixture) -> str:
    """The log for a system that is missing something."""
    reporter = Reporter.from_url(url, worker_id=WORKER)
    reporter.job_start("job-1")
    said = heard_of_trouble(reporter, caplog)
    assert reporter.close(0.0) is False
    return said


def test_a_bucket_gets_one_status_file_a_job_below_jobs() -> None:
    """[B132] [B133] [B134]"""
    s3 = client("s3")
    s3.create_bucket(Bucket="status-bucket")
    report_to("s3://status-bucket")
    report_to("s3://status-bucket/team/a/")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="status-bucket")["Contents"]]
    names = [f"jobs/{job_id}.json" for job_id in ENDS]
    assert sorted(keys) == sorted([*names, *(f"team/a/{name}" for name in names)])
    read = s3.get_object(Bucket="status-bucket", Key="jobs/job-runs.json")
    file = json.loads(read["Body"].read())
    assert read["ContentType"] == "application/json"
    assert list(file)[:5] == ["job_id", "worker_id", "status", "started_at", "percentage"]
    assert (file["job_id"], file["worker_id"], file["status"], file["percentage"]) == (
        "job-runs",
        WORKER,
        "PROCESSING",
        45.7,
    )


def test_a_log_group_gets_lines_in_order_in_a_stream_that_is_made() -> None:
    """[B118] [B126] [B128] [B129]"""
    logs = client("logs")
    group = "/aws/ec2/transcription"
    logs.create_log_group(logGroupName=group)
    report_to(f"cloudwatch-logs://{group}")
    report_to(f"cloudwatch-logs://{group}?stream=other")
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert {stream["logStreamName"] for stream in streams} == {WORKER, "other"}
    events = logs.get_log_events(logGroupName=group, logStreamName=WORKER, startFromHead=True)["events"]
    lines = [event["message"] for event in events]
    assert all(line.startswith("TRANSCRIPTION_EVENT {") for line in lines)
    of = [json.loads(line.partition(" ")[2]) for line in lines]
    assert [event["event"] for event in of if event["job_id"] == "job-done"][-2:] == ["JOB_PROGRESS", "JOB_COMPLETE"]
    # What document B's `aws logs` commands ask.
    started = logs.filter_log_events(logGroupName=group, filterPattern="JOB_START")["events"]
    failed = logs.filter_log_events(logGroupName=group, filterPattern="JOB_FAILED")["events"]
    assert (len(started), len(failed)) == (8, 2)


def test_a_group_without_a_slash_takes_its_stream_from_the_path() -> None:
    client("logs").create_log_group(logGroupName="group")
    report_to("cloudwatch-logs://group/stream")
    [stream] = client("logs").describe_log_streams(logGroupName="group")["logStreams"]
    assert stream["logStreamName"] == "stream"


def test_a_queue_gets_a_message_an_event_with_the_attributes_as_printed() -> None:
    """[B112] [B113]"""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="transcription")["QueueUrl"]
    report_to("sqs://transcription")
    messages: list[dict[str, Any]] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        messages += found
    of = [message for message in messages if json.loads(message["Body"])["job_id"] == "job-done"]
    assert {json.loads(message["Body"])["event"] for message in of} == {"JOB_START", "JOB_PROGRESS", "JOB_COMPLETE"}
    started = next(body for body in map(_body, of) if body["event"] == "JOB_START")["timestamp"]
    for message in of:
        assert message["MessageAttributes"] == {
            "JobId": {"StringValue": "job-done", "DataType": "String"},
            "StartTime": {"StringValue": started, "DataType": "String"},
            "WorkerId": {"StringValue": WORKER, "DataType": "String"},
        }


def test_a_fifo_queue_keeps_each_job_s_order_and_a_queue_s_own_url_does_as_well() -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="order.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    report_to(f"sqs://{url}")
    told: list[str] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        told += [_body(message)["event"] for message in found if _body(message)["job_id"] == "job-done"]
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert (told[0], told[-2:]) == ("JOB_START", ["JOB_PROGRESS", "JOB_COMPLETE"])


def _body(message: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(message["Body"])
    return body


def test_a_dynamodb_table_gets_an_item_a_job() -> None:
    """[B136] [B140]"""
    [table, _] = typescript(DYNAMO, None)
    dynamodb = client("dynamodb")
    dynamodb.create_table(**table)
    report_to("dynamodb://job_status")
    items = {item["job_id"]["S"]: item for item in dynamodb.scan(TableName="job_status")["Items"]}
    assert {job_id: item["status"]["S"] for job_id, item in items.items()} == ENDS
    assert items["job-runs"]["percentage"] == {"N": "45"}, "a whole number, never too far"
    assert items["job-fails"]["error_message"] == {"S": "GPU out of memory"}
    with Reporter.from_url("dynamodb://job_status", worker_id=WORKER) as reporter:
        reporter.job_start("job-fails")
    again = dynamodb.get_item(TableName="job_status", Key={"job_id": {"S": "job-fails"}})["Item"]
    assert (again["status"]["S"], again["percentage"]["N"]) == ("PROCESSING", "0")
    assert "error_message" not in again


def test_an_item_that_another_worker_told_of_later_is_left_as_it_is() -> None:
    dynamodb = client("dynamodb")
    [table, _] = typescript(DYNAMO, None)
    dynamodb.create_table(**{**table, "TableName": "newer"})
    theirs = {"job_id": {"S": "job-1"}, "worker_id": {"S": "worker-2"}, "updated_at": {"S": "2999-01-01T00:00:00.000Z"}}
    dynamodb.put_item(TableName="newer", Item=theirs)
    with Reporter.from_url("dynamodb://newer", worker_id=WORKER) as reporter:
        reporter.job_start("job-1")
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0
    assert dynamodb.get_item(TableName="newer", Key={"job_id": {"S": "job-1"}})["Item"] == theirs


def test_a_late_event_replaces_no_newer_item_or_file(spool: Path) -> None:
    [table, _] = typescript(DYNAMO, None)
    client("dynamodb").create_table(**{**table, "TableName": "newest"})
    client("s3").create_bucket(Bucket="newest")
    for url in ("dynamodb://newest", "s3://newest"):
        with Reporter.from_url(url, worker_id=WORKER) as reporter:
            reporter.job_complete("job-newer")
            assert reporter.flush(PATIENCE_SECONDS)
        leave_old_starts(spool, url, "job-newer", "job-older")
        with Reporter.from_url(url, worker_id=WORKER) as reporter:
            assert reporter.flush(PATIENCE_SECONDS)
    items = client("dynamodb").scan(TableName="newest")["Items"]
    newer_and_older = {"job-newer": "COMPLETED", "job-older": "PROCESSING"}
    assert {item["job_id"]["S"]: item["status"]["S"] for item in items} == newer_and_older
    for job_id, status in newer_and_older.items():
        file = client("s3").get_object(Bucket="newest", Key=f"jobs/{job_id}.json")["Body"].read()
        assert json.loads(file)["status"] == status


def test_what_is_sent_to_dynamodb_is_what_the_protocol_says() -> None:
    failed = JobStatus(
        "job-1",
        WORKER,
        "FAILED",
        1751916600000,
        started_ms=1751916500123,
        percentage=45.7,
        error="no",
    )
    running = JobStatus("job-1", WORKER, "PROCESSING", 1751916600000)
    [_, updates] = typescript(DYNAMO, None)
    assert [update_of("job_status", failed), update_of("job_status", running)] == updates


@pytest.mark.parametrize(
    ("url", "missing", "command"),
    [
        ("s3://no-bucket", "bucket no-bucket does not exist", "aws s3 mb s3://no-bucket"),
        ("sqs://no-queue", "queue no-queue does not exist", "aws sqs create-queue --queue-name no-queue"),
        ("dynamodb://no-table", "table no-table does not exist", "tmon db init dynamodb://no-table"),
        (
            "cloudwatch-logs:///no/group",
            "log group /no/group does not exist",
            "aws logs create-log-group --log-group-name /no/group",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_makes_it(
    url: str, missing: str, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    said = away(url, caplog)
    assert missing in said
    assert command in said


def test_a_bucket_that_is_made_meanwhile_gets_what_waited(caplog: pytest.LogCaptureFixture) -> None:
    with Reporter.from_url("s3://late-bucket", worker_id=WORKER) as reporter:
        reporter.job_start("job-1")
        reporter.job_progress("job-1", 10)
        heard_of_trouble(reporter, caplog)
        client("s3").create_bucket(Bucket="late-bucket")
        assert reporter.flush(PATIENCE_SECONDS)
    [found] = client("s3").list_objects_v2(Bucket="late-bucket")["Contents"]
    assert found["Key"] == "jobs/job-1.json"


def test_a_worker_without_credentials_hears_how_to_get_some(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    said = away("s3://status-bucket", caplog)
    assert "no AWS credentials found" in said
    assert "aws configure" in said


def test_nobody_at_the_endpoint_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert "Could not connect" in away("sqs://transcription", caplog)
