"""A real monitor for each module that needs one, and its clients."""

from __future__ import annotations

import asyncio
import io
import math
import os
import struct
import wave
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from transcription_monitor import TranscriptionAPI

from .processes import Monitor, monitor


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what takes long, which `npm run test:thorough` runs."""
    if os.environ.get("TMON_TEST_THOROUGH") == "1" or config.getoption("-k"):
        return
    long = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(autouse=True)
def metadata_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker of a test looks for notices about the machine that the tests run on."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where reporters keep what they have not sent; empty for each test."""
    folder = tmp_path / "spool"
    monkeypatch.setenv("TMON_SPOOL", str(folder))
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[Monitor]:
    with monitor() as running:
        yield running


@pytest.fixture
def api(server: Monitor) -> Iterator[TranscriptionAPI]:
    with TranscriptionAPI(base_url=server.url) as client:
        yield client


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine to its end."""
    return asyncio.run


@pytest.fixture(scope="session")
def tone() -> bytes:
    """A second of a tone, as 16 kHz mono 16-bit WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        samples = (round(8000 * math.sin(n * 440 * 2 * math.pi / 16_000)) for n in range(16_000))
        sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()
