"""Log lines in the two forms that protocol/log-line.ts reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_PLAIN_FIELDS = {
    "JOB_START": "worker_id",
    "JOB_PROGRESS": "percentage",
    "JOB_COMPLETE": "duration",
    "JOB_FAILED": "error",
}

#: As in protocol/log-format.ts: spaces at an end, a quote at the start, a line break, the words of another event.
_UNPRINTABLE = re.compile(r"""^[\s\ufeff"']|[\s\ufeff]$|[\x00-\x1f\x7f-\x9f\u2028\u2029]|JOB_|TRANSCRIPTION_EVENT""")

#: As in paths and file names; nothing that a reader takes for punctuation.
_WORD = re.compile("[A-Za-z0-9_./@:+~#%\u0080-\U0010ffff-]*[A-Za-z0-9_/@+~#%\u0080-\U0010ffff-]")


def event_json(data: Mapping[str, Any]) -> str:
    """Without the lease's token, which is a secret."""
    return json.dumps({name: value for name, value in data.items() if name != "lease_token"})


def log_line(data: Mapping[str, Any]) -> str:
    """`TRANSCRIPTION_EVENT {json}`."""
    return f"TRANSCRIPTION_EVENT {event_json(data)}"


def plain_line(data: Mapping[str, Any]) -> str:
    """`JOB_START job_id=… worker_id=…`, and so on. Has fewer fields than the JSON, and no time."""
    event, job_id = data["event"], _word(data["job_id"])
    name = _PLAIN_FIELDS[event]
    value = data.get(name)
    if value is None:
        more = f" stage={_word(data['stage'])}" if name == "percentage" and data.get("stage") else ""
        return f"{event} job_id={job_id}{more}"
    if name == "error":
        value = _quoted(value) if value == "" or _UNPRINTABLE.search(value) else value
    return f"{event} job_id={job_id} {name}={_number(value) if isinstance(value, float) else value}"


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) and text not in ("None", "null") else _quoted(text)


def _quoted(text: str) -> str:
    """As JSON.stringify does it."""
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    """As JavaScript prints it: small ones without an exponent as far as it does."""
    if value and 1e-6 <= abs(value) < 1e-4:
        return f"{Decimal(repr(value)):f}"
    return re.sub(r"e([+-])0+", r"e\1", repr(value))
