"""The installed package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
    assert f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info/licenses/LICENSE" in names
    assert modules | {"transcription_monitor/py.typed"} <= names
    program = "from transcription_monitor import TranscriptionAPI as api; print(api.__module__)"
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)


#: What the extras bring, and what comes with them.
EXTRAS = {
    "av",
    "boto3",
    "botocore",
    "ctranslate2",
    "faster_whisper",
    "numpy",
    "psutil",
    "psycopg",
    "pymysql",
    "pynvml",
    "redis",
}


@pytest.mark.parametrize(
    "module", ["transcription_monitor", "transcription_monitor.reporter", "transcription_monitor.testing"]
)
def test_nothing_that_belongs_to_an_extra_is_imported_before_it_is_used(module: str) -> None:
    """All of these but the recogniser are installed here."""
    program = f"import {module}, sys; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    run = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert module.partition(".")[0] in loaded
    assert loaded & EXTRAS == set()


def test_every_name_that_is_exported_is_there() -> None:
    for name in transcription_monitor.__all__:
        assert hasattr(transcription_monitor, name), name
