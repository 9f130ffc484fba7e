"""The health sent with each heartbeat, in percent: with psutil and nvidia-ml-py, if they are installed; memory and disk
without them, too.

A value that can't be read is None; it never prevents a heartbeat.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ..bodies import HealthReport

HealthReader = Callable[[], HealthReport]


def health_reader(directory: Path) -> HealthReader:
    """`directory` is on the disk to measure. CPU is the mean of all cores since the previous call."""
    try:
        import psutil
    except ImportError:
        return lambda: {"memory_usage": _percent(_memory), "disk_usage": _percent(lambda: _disk(directory))}
    gpu = gpu_reader(os.environ.get("CUDA_VISIBLE_DEVICES"))
    psutil.cpu_percent()  # the first call has nothing to compare with

    def read() -> HealthReport:
        return {
            "cpu_usage": _percent(psutil.cpu_percent),
            "memory_usage": _percent(lambda: psutil.virtual_memory().percent),
            "disk_usage": _percent(lambda: psutil.disk_usage(str(directory)).percent),
            "gpu_usage": _percent(gpu),
        }

    return read


def gpu_reader(visible: str | None) -> Callable[[], float | None]:
    """The mean use of the GPUs in CUDA_VISIBLE_DEVICES (`0,2`, `GPU-5e3f…`); None without one."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # not installed, no driver, no GPU: library versions raise different errors
        return lambda: None
    names = None if visible is None else [name.strip() for name in visible.split(",")]

    def is_ours(index: int, handle: object) -> bool:
        if names is None or str(index) in names:
            return True
        uuid = pynvml.nvmlDeviceGetUUID(handle)
        text = uuid.decode() if isinstance(uuid, bytes) else str(uuid)
        return any(name and text.startswith(name) for name in names)

    def read() -> float | None:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        ours = [handle for index, handle in enumerate(handles) if is_ours(index, handle)]
        usages = [float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) for handle in ours]
        return sum(usages) / len(usages) if usages else None

    return read


def _memory() -> float:
    """By Linux. Raises elsewhere."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kilobytes = {name: float(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return 100 * (1 - kilobytes["MemAvailable"] / kilobytes["MemTotal"])


def _disk(directory: Path) -> float:
    usage = shutil.disk_usage(directory)
    return 100 * usage.used / (usage.used + usage.free)


def _percent(read: Callable[[], float | None]) -> float | None:
    try:
        value = read()
    except Exception:  # a failing driver, a removed disk
        return None
    return None if value is None else round(min(100.0, max(0.0, value)), 1)
