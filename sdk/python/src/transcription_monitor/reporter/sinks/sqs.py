"""`sqs://queue`: one message per event: its JSON, and the attributes `JobId`, `StartTime` and `WorkerId`.

Only a FIFO queue (`….fifo`) keeps order: each job's messages are a group in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import Away
from ..event import Event, time_text
from ..lines import event_json
from ..sink import Batch
from .aws import AwsThing, meaning


class Queue:
    #: Limit of SendMessageBatch.
    count_max = 10
    linger_seconds: float = 0.1

    def __init__(self, open_client: Callable[[], Any], queue: str) -> None:
        self._open_client = open_client
        self._client: Any = None
        self._queue = queue
        self._url = queue if queue.startswith(("http://", "https://")) else None
        name = queue.rsplit("/", 1)[-1]
        self._thing = AwsThing(
            f"queue {name}", f"aws sqs create-queue --queue-name {name}", "sqs:SendMessage and sqs:GetQueueUrl"
        )
        #: The key of a partly accepted batch, and the messages accepted.
        self._taken: tuple[str, set[str]] = ("", set())

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        if self._taken[0] != batch.key:
            self._taken = (batch.key, set())
        taken = self._taken[1]
        entries = [self._entry(str(number), event) for number, event in enumerate(batch.events)]
        with meaning(self._thing):
            self._client = self._client or self._open_client()
            if self._url is None:
                self._url = self._client.get_queue_url(QueueName=self._queue)["QueueUrl"]
            answer = self._client.send_message_batch(
                QueueUrl=self._url, Entries=[entry for entry in entries if entry["Id"] not in taken]
            )
        failed = {entry["Id"]: entry for entry in answer.get("Failed", [])}
        taken.update(entry["Id"] for entry in answer.get("Successful", []))
        taken.update(number for number, entry in failed.items() if entry.get("SenderFault"))
        later = [entry for entry in failed.values() if not entry.get("SenderFault")]
        if later:
            raise Away(f"SQS accepted {len(taken)} of {len(entries)} messages: {_words(later[0])}")
        return [(batch.events[int(number)], _words(entry)) for number, entry in failed.items()]

    def close(self) -> None:
        if self._client:
            self._client.close()

    def _entry(self, number: str, event: Event) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "Id": number,
            "MessageBody": event_json(event.data),
            "MessageAttributes": message_attributes(event),
        }
        if self._queue.endswith(".fifo"):
            entry["MessageGroupId"] = event.id
            entry["MessageDeduplicationId"] = re.sub(
                r"[^A-Za-z0-9_.:-]", "-", f"{event.id}-{event.name}-{event.data['timestamp']}"
            )
        return entry


#: Characters that an attribute can't have.
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def message_attributes(event: Event) -> dict[str, dict[str, str]]:
    """SQS allows no empty ones: `StartTime` is omitted if this reporter doesn't know the start."""
    started_at = None if event.started_ms is None else time_text(event.started_ms)
    job_id = event.id if _UNSENDABLE.search(event.job_id) else event.job_id
    known = {"JobId": job_id, "StartTime": started_at, "WorkerId": event.data["worker_id"]}
    return {name: {"StringValue": value, "DataType": "String"} for name, value in known.items() if value}


def _words(entry: dict[str, Any]) -> str:
    return f"{entry.get('Code', '')}: {entry.get('Message', '')}"
