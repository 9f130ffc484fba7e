"""Matchers of alerts as text: `worker=gpu-*`, `team!=night`."""

from __future__ import annotations

import re
from datetime import datetime


def matcher(text: str) -> dict[str, str]:
    """Raises ValueError if the text is not `name=value` or `name!=value`."""
    found = re.fullmatch(r"\s*([a-z][a-z0-9_]{0,63})\s*(!?=)\s*(.*?)\s*", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{text!r} is not a matcher: name=value or name!=value, * for any text")
    name, op, value = found.groups()
    return {"name": name, "op": op, "value": value}


def moment(time: datetime | str | None) -> str | None:
    """RFC 3339. Raises ValueError for a time without a zone."""
    if time is None or isinstance(time, str):
        return time
    if time.tzinfo is None:
        raise ValueError(f"{time.isoformat()} has no time zone")
    return time.isoformat()
