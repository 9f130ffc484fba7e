"""The installed package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import transcription_monitor

PROJECT = Path(__file__).parent.parent


def test_the_wheel_has_the_whole_package_its_types_and_its_version(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name == f"transcription_monitor-{transcription_monitor.__version__}-py3-none-any.whl"
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        file.extractall(unpacked)
    source = PROJECT / "src"
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py")}
    assert modules | {"transcription_monitor/py.typed"} <= names
    program = "from transcription_monitor import TranscriptionAPI as api; print(api.__module__)"
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)


def test_every_name_that_is_exported_is_there() -> None:
    for name in transcription_monitor.__all__:
        assert hasattr(transcription_monitor, name), name
