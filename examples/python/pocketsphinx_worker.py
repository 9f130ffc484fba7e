"""A complete worker around PocketSphinx: English, no GPU, no model to download.

    pip install 'transcription-monitor[worker]' pocketsphinx
    TMON_SERVER=http://127.0.0.1:8080 python pocketsphinx_worker.py

It reads 16 kHz mono 16-bit WAV, such as the recordings in examples/audio. SIGTERM lets it finish the current job.
"""

from __future__ import annotations

import logging
import os
import wave
from array import array
from itertools import pairwise
from pathlib import Path

from pocketsphinx import Decoder

from transcription_monitor import HeldJob, JobFailed, Transcript, TranscriptionAPI, Worker

RATE = 16_000


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    api = TranscriptionAPI(
        base_url=os.environ.get("TMON_SERVER", "http://127.0.0.1:8080"), api_key=os.environ.get("TMON_API_KEY")
    )
    decoder = Decoder(samprate=RATE, loglevel="FATAL")  # loaded once, for all jobs
    worker = Worker(api, capabilities={"model": "en-us", "device": "cpu", "batch_size": 1})
    for job in worker.jobs():
        with job:
            job.complete(transcribe(job, decoder))


def transcribe(job: HeldJob, decoder: Decoder) -> Transcript:
    pcm = read_wav(job.download())
    duration = len(pcm) / 2 / RATE
    job.progress(percentage=0, duration_seconds=duration)
    segments = []
    cuts = plan(array("h", pcm))
    for number, (start, end) in enumerate(pairwise(cuts), 1):
        decoder.start_utt()
        decoder.process_raw(pcm[2 * start : 2 * end], full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is not None:
            # A word's second pronunciation is "read(2)"; "<sil>" and "[NOISE]" are not words.
            words = [word.word.split("(")[0] for word in decoder.seg() if word.word[0] not in "<["]
            segments.append({"start": start / RATE, "end": end / RATE, "text": " ".join(words)})
        # Each call may raise JobCancelled or LeaseLost: `with job:` handles them.
        job.progress(current_chunk=number, total_chunks=len(cuts) - 1)
    return Transcript.of_segments(segments, engine="pocketsphinx en-us", language="en", duration_seconds=duration)


def plan(samples: array[int]) -> list[int]:
    """Chunks of about five seconds, each cut at the quietest moment near its end. PocketSphinx drifts in longer
    ones.
    """
    cuts = [0]
    while len(samples) - cuts[-1] > 8 * RATE:
        candidates = range(cuts[-1] + 7 * RATE // 2, cuts[-1] + 13 * RATE // 2, RATE // 50)
        cuts.append(min(candidates, key=lambda at: sum(map(abs, samples[at - RATE // 6 : at + RATE // 6 : 8]))))
    return [*cuts, len(samples)]


def read_wav(path: Path) -> bytes:
    try:
        with wave.open(str(path), "rb") as sound:
            form = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            if form == (RATE, 1, 2):
                return sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        # Not retryable: the next attempt would read the same file.
        raise JobFailed(f"not a WAV file: {error}", code="audio_unreadable", retryable=False) from error
    raise JobFailed(f"not 16 kHz mono 16-bit: {form}", code="audio_unsupported", retryable=False)


if __name__ == "__main__":
    main()
