"""`s3://bucket/prefix` and `dir:PATH`: one status file per job, `jobs/{job_id}.json`.

Waiting events of one job become one write. A bucket gets one PutObject each time, and no other request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..errors import Away
from ..event import Event
from ..reported_id import id_of
from ..sink import Batch
from ..status import JobStatus, Statuses, status_file
from .aws import AwsThing, code_of, meaning


class Files(Protocol):
    def get(self, key: str) -> bytes | None:
        """None if there is no such file, or it can't be read."""

    def put(self, key: str, body: bytes) -> None: ...

    def close(self) -> None: ...


class StatusFiles:
    count_max = 200
    linger_seconds: float = 0.1

    def __init__(self, files: Files) -> None:
        self._files = files
        self._statuses = Statuses()

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        for status in self._statuses.after(batch.events).values():
            key = f"jobs/{id_of(status.job_id)}.json"
            if not status.late or not _is_newer(self._files.get(key), status):
                self._files.put(key, status_file(status).encode())
            self._statuses.forget_ended([status])
        return []

    def close(self) -> None:
        self._files.close()


def _is_newer(file: bytes | None, status: JobStatus) -> bool:
    """Whether the file has a later `updated_at`. Files have no condition on a write, so a late one reads it first."""
    try:
        written = json.loads(file or b"{}")["updated_at"]
        return datetime.fromisoformat(written.replace("Z", "+00:00")).timestamp() * 1000 > status.told_ms
    except Exception:
        return False


class Folder:
    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def get(self, key: str) -> bytes | None:
        try:
            return (self._path / key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, body: bytes) -> None:
        path = self._path / key
        # Written to a temporary file and renamed: a reader never sees a partial file.
        aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.write_bytes(body)
            aside.replace(path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise Away(f"{path} can't be written: {error.strerror}") from error

    def close(self) -> None:
        """Nothing stays open."""


class Bucket:
    def __init__(self, open_client: Callable[[], Any], bucket: str, prefix: str) -> None:
        self._open_client = open_client
        self._client: Any = None
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._thing = AwsThing(f"bucket {bucket}", f"aws s3 mb s3://{bucket}", "s3:PutObject")

    def get(self, key: str) -> bytes | None:
        with meaning(self._thing):
            self._client = self._client or self._open_client()
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
                return bytes(found["Body"].read())
            except Exception as error:
                # A reporter needs no right to read.
                if code_of(error) not in ("NoSuchKey", "404", "AccessDenied", "403"):
                    raise
                return None

    def put(self, key: str, body: bytes) -> None:
        with meaning(self._thing):
            self._client = self._client or self._open_client()
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=body, ContentType="application/json"
            )

    def close(self) -> None:
        if self._client:
            self._client.close()
