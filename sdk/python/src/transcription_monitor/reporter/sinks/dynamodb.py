"""`dynamodb://table`: one item per job, with the columns of the table `job_status` as attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..event import Event, time_text
from ..sink import Batch
from ..status import JobStatus, Statuses
from .aws import AwsThing, code_of, meaning


class DynamoTable:
    count_max = 200
    linger_seconds: float = 0.1

    def __init__(self, open_client: Callable[[], Any], table: str) -> None:
        self._open_client = open_client
        self._client: Any = None
        self._table = table
        self._thing = AwsThing(f"table {table}", f"tmon db init dynamodb://{table}", "dynamodb:UpdateItem")
        self._statuses = Statuses()

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        with meaning(self._thing):
            self._client = self._client or self._open_client()
            for status in self._statuses.after(batch.events).values():
                try:
                    self._client.update_item(**update_of(self._table, status))
                except Exception as error:
                    # The item was written by another worker and is newer.
                    if code_of(error) != "ConditionalCheckFailedException":
                        raise
                self._statuses.forget_ended([status])
        return []

    def close(self) -> None:
        if self._client:
            self._client.close()


def update_of(table: str, status: JobStatus) -> dict[str, Any]:
    """Parameters of UpdateItem, as in protocol/job-status-table.ts: sets known values and keeps the rest."""
    percentage, error = status.whole_percentage, status.error if status.status == "FAILED" else None
    values: dict[str, dict[str, str]] = {
        "status": {"S": status.status},
        "updated_at": {"S": _time(status.told_ms)},
        "worker_id": {"S": status.worker_id},
        **({} if status.started_ms is None else {"started_at": {"S": _time(status.started_ms)}}),
        **({} if percentage is None else {"percentage": {"N": str(percentage)}}),
        **({} if error is None else {"error_message": {"S": error}}),
    }
    remove = "" if "error_message" in values else " REMOVE #error_message"
    return {
        "TableName": table,
        "Key": {"job_id": {"S": status.job_id}},
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values) + remove,
        "ConditionExpression": "attribute_not_exists(#updated_at) OR #updated_at <= :updated_at"
        + ("" if status.late else " OR #worker_id = :worker_id"),
        "ExpressionAttributeNames": {f"#{name}": name for name in [*values, *(["error_message"] if remove else [])]},
        "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()},
    }


def _time(time_ms: int) -> str:
    """Always with milliseconds, because DynamoDB compares times as text."""
    written = time_text(time_ms)
    return written if "." in written else written.replace("Z", ".000Z")
