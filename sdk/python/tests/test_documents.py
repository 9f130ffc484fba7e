"""The documents' Python program, as printed there except for `base_url` and `api_key`."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from transcription_monitor import TranscriptionAPI

from .processes import Monitor, tmon_worker

PROGRAM = """\
from transcription_monitor import TranscriptionAPI

api = TranscriptionAPI(
    base_url='https://api.transcription.com',
    api_key='your-api-key'
)

# Submit job
job = api.jobs.submit(
    audio_url='s3://bucket/audio.mp3',
    output_format='json',
    priority='high'
)

# Monitor progress
for update in api.jobs.watch(job.id):
    print(f"Progress: {update.percentage}% - {update.stage}")
    if update.state in ['COMPLETED', 'FAILED']:
        break

# Get system health
health = api.system.health()
if health.status != 'HEALTHY':
    print(f"Alerts: {health.alerts}")
"""

#: Reports progress, then writes a transcript.
ENGINE = """exec:sh -c 'echo "chunk 1/2"; echo "chunk 2/2"; echo hello > "$2"' sh {input} {output}"""


@pytest.fixture
def bucket(tone: bytes) -> Iterator[str]:
    """An object store with one object, `s3://bucket/audio.mp3`."""

    class Objects(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there = self.path.split("?")[0] == "/bucket/audio.mp3"
            self.send_response(200 if there else 404)
            self.send_header("content-length", str(len(tone) if there else 0))
            self.end_headers()
            self.wfile.write(tone if there else b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Objects) as objects:
        thread = threading.Thread(target=objects.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{objects.server_port}"
        objects.shutdown()
        thread.join()


def test_the_documents_program_runs_as_printed(server: Monitor, api: TranscriptionAPI, bucket: str) -> None:
    """[A91] [A92] [A93] [A94] [A95] [A96]"""
    program = PROGRAM.replace("https://api.transcription.com", server.url).replace("your-api-key", "another-key")
    aws = {
        "AWS_ENDPOINT_URL_S3": bucket,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    with tmon_worker(server.url, ENGINE, aws):
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
        )
    assert ended.returncode == 0, ended.stderr
    # The monitor has no keys, and says that it did not check the one that the program sends.
    assert len(re.findall("Warning: ", ended.stderr)) == 1
    assert "this monitor has no API keys" in ended.stderr
    lines = ended.stdout.splitlines()
    assert all(re.fullmatch(r"Progress: \d+(\.\d+)?% - (None|[A-Z]+)|Alerts: .*", line) for line in lines), lines
    assert lines[0] in ("Progress: 0% - None", "Progress: 0% - DOWNLOADING")
    progress = [line for line in lines if line.startswith("Progress")]
    assert progress[-1] == "Progress: 100% - UPLOADING"
    [job] = api.jobs.list(state="COMPLETED")
    assert (job.priority, job.output_format, job.input.s3_path) == ("high", "json", "s3://bucket/audio.mp3")
    assert api.jobs.transcript(job.id).text == "hello"


def test_job_id_is_the_jobs_id(api: TranscriptionAPI) -> None:
    """[A93]"""
    job = api.jobs.submit(audio_url="s3://bucket/audio.mp3", output_format="json", priority="high")
    assert re.match(r"job-", job.id)
    assert job.id == job.job_id
    assert api.jobs.cancel(job.id).state == "CANCELLED"


def test_health_has_a_status_and_alerts(api: TranscriptionAPI) -> None:
    """[A96]"""
    health = api.system.health()
    assert health.status == health.overall_status
    assert health.status in ("HEALTHY", "DEGRADED", "UNHEALTHY")
    assert isinstance(health.alerts, list)
