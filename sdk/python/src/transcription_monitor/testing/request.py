"""A request as the mock monitor's routes receive it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class MockRequest:
    """The argument of a route; also kept in `MockMonitor.requests`."""

    method: str
    #: Path below `/api/v1`.
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def body(self) -> Any:
        return json.loads(self.content) if self.content else {}
