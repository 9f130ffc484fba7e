"""The Python snippets of the monitor's API document pass mypy --strict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from .processes import Monitor

SDK = Path(__file__).parent.parent


def test_every_snippet_of_the_api_document_type_checks(server: Monitor, tmp_path: Path) -> None:
    document = httpx.get(f"{server.url}/api/v1/openapi.json").json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    for operation in operations:
        [source] = [sample["source"] for sample in operation["x-codeSamples"] if sample["lang"] == "python"]
        (tmp_path / f"{operation['operationId'].replace('.', '_')}.py").write_text(source)
    assert len(operations) >= 30
    mypy = [sys.executable, "-m", "mypy", "--config-file", str(SDK / "pyproject.toml"), str(tmp_path)]
    ended = subprocess.run(mypy, cwd=SDK, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
