"""The format of a spool: a file of events that a process has reported and not delivered yet, which outlives a kill. The
TypeScript reporter has the same (reporter/spool-format.ts).

    {key}.{host}.{pid}.{started}.{random}.spool     key: the system and the worker · host to started: the process

    {"number": 1, "event": {"event": "JOB_FAILED", …}, "job": {"started_at": "…", "percentage": 30}}
    {"sent": 1}                                     events up to this number are delivered, or dropped

`event` has the fields of a log line, `extra` the worker's own, `job` what else is known about the job. Starts and ends
are kept, progress is not: the next progress, or the end, replaces it. No line has a secret, and the system's URL is
only hashed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .event import STATUS_AFTER, VOCABULARY, Event, time_text
from .reported_id import is_id, job_name

_NAME = re.compile(r"([0-9a-f]{16})\.([^.]+)\.(\d+)\.(\d+)\.[0-9a-f]+\.spool", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True)
class Owner:
    host: str
    pid: int
    #: In clock ticks since the machine's start, from /proc; `0` if unknown.
    started: str


def spool_key(url: str, worker_id: str) -> str:
    """What events of one worker to one system have in common: credentials and query of the URL do not count."""
    scheme, _, rest = url.partition(":")
    rest = re.split("[?#]", rest, maxsplit=1)[0]
    if scheme.lower() in ("dir", "sqlite"):
        place = os.path.abspath(re.sub("^//(?=/)", "", rest))  # noqa: PTH100
    else:
        place = re.sub("^//[^/]*@", "//", rest).rstrip("/")
    return hashlib.sha256(f"{scheme.lower()}:{place}\n{worker_id}".encode()).hexdigest()[:16]


def spool_name(key: str, owner: Owner, random: str) -> str:
    return f"{key}.{owner.host}.{owner.pid}.{owner.started}.{random}.spool"


def read_spool_name(name: str) -> tuple[str, Owner] | None:
    found = _NAME.fullmatch(name)
    return None if found is None else (found[1], Owner(found[2], int(found[3]), found[4]))


def spool_line(number: int, event: Event) -> bytes:
    told = {name: value for name, value in event.data.items() if name in VOCABULARY and name != "lease_token"}
    extra = {name: value for name, value in event.data.items() if name not in VOCABULARY}
    started = {} if event.started_ms is None else {"started_at": time_text(event.started_ms)}
    record: dict[str, Any] = {"number": number, "event": told, "job": {**started, **event.known}}
    if extra:
        record["extra"] = extra
    return json.dumps(record).encode() + b"\n"


def sent_line(number: int) -> bytes:
    return json.dumps({"sent": number}).encode() + b"\n"


def read_spool(content: bytes) -> dict[int, Event]:
    """The events that are not sent yet, by number. Lines that are cut or unknown are skipped."""
    events: dict[int, Event] = {}
    sent = 0
    for line in content.split(b"\n"):
        try:
            record = json.loads(line)
            sent = max(sent, record.get("sent", 0))
            event = _event_of(record, len(line))
        except Exception:
            continue  # cut, when the disk was full
        if event is not None:
            events[record["number"]] = event
    return {number: event for number, event in events.items() if number > sent}


def _event_of(record: dict[str, Any], size_bytes: int) -> Event | None:
    if not isinstance(record.get("number"), int):
        return None
    told, job = record["event"], record.get("job") or {}
    name = job_name(told["job_id"])
    if told["event"] not in STATUS_AFTER or name is None or not is_id(told["worker_id"]):
        return None
    known = {field: job[field] for field in ("percentage", "stage", "audio_duration") if field in job}
    return Event(
        name,
        told["event"],
        {**(record.get("extra") or {}), **told},
        _milliseconds(told["timestamp"]),
        size_bytes,
        _milliseconds(job["started_at"]) if "started_at" in job else None,
        known=known,
        late=True,
    )


def _milliseconds(text: str) -> int:
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    return round(datetime.fromisoformat(re.sub("Z$", "+00:00", text)).timestamp() * 1000)
