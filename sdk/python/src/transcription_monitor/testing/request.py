"""A call as the mock monitor's endpoints see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class MockRequest:
    """What a route is given; also what `MockMonitor.requests` keeps."""

    method: str
    #: Below `/api/v1`.
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def body(self) -> Any:
        return json.loads(self.content) if self.content else {}
