"""A worker without a monitor: transcribes WAV files, and reports progress to the system that TMON_REPORT
names.

    pip install 'transcription-monitor[aws,postgres]' pocketsphinx
    TMON_REPORT=log: python reporting_worker.py examples/audio/*.wav

`log:` is standard output; `cloudwatch-logs:///aws/ec2/transcription`, `s3://status-bucket`, `postgres://user@host/db`,
`sqs://queue` and `http://127.0.0.1:8080` are other systems, with the same program. `tmon check URL` shows what is
stuck or has failed there.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

from pocketsphinx import Decoder

from transcription_monitor import Reporter

PIECE_SECONDS = 5


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # SIGTERM as an exception, so that waiting reports are sent before the end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    decoder = Decoder(samprate=16_000, loglevel="FATAL")  # loaded once, for all jobs
    with Reporter.from_url(os.environ.get("TMON_REPORT", "log:"), worker_id=socket.gethostname()) as reporter:
        for path in map(Path, sys.argv[1:]):
            job_id = "job-" + re.sub(r"[^A-Za-z0-9_-]", "-", path.stem)[:46]
            try:
                work(reporter, job_id, path, decoder)
            except SystemExit:
                reporter.job_failed(job_id, "the worker was stopped", retryable=True)
                raise
            except Exception as error:
                reporter.job_failed(job_id, error)


def work(reporter: Reporter, job_id: str, path: Path, decoder: Decoder) -> None:
    # Reported before the file is opened: a job whose file can't be read has begun, and fails.
    reporter.job_start(job_id, audio_url=str(path))
    with wave.open(str(path), "rb") as sound:
        duration = sound.getnframes() / sound.getframerate()
        pieces = []
        for done, words in transcribe(sound, decoder):
            pieces.append(words)
            reporter.job_progress(job_id, 100 * done / duration, stage="transcribing")
    path.with_suffix(".heard.txt").write_text("\n".join(pieces) + "\n")
    reporter.job_complete(job_id, segments=len(pieces), s3_path=str(path.with_suffix(".heard.txt")))


def transcribe(sound: wave.Wave_read, decoder: Decoder) -> Iterator[tuple[float, str]]:
    """Yields the seconds done, and the words since."""
    if (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) != (16_000, 1, 2):
        raise ValueError("not 16 kHz mono 16-bit")
    while frames := sound.readframes(PIECE_SECONDS * sound.getframerate()):
        decoder.start_utt()
        decoder.process_raw(frames, full_utt=True)
        decoder.end_utt()
        heard = decoder.hyp()
        yield sound.tell() / sound.getframerate(), heard.hypstr if heard else ""


if __name__ == "__main__":
    main()
