"""A complete worker around faster-whisper. The model is loaded once, for all jobs.

    pip install 'transcription-monitor[worker,s3]' faster-whisper
    TMON_SERVER=http://127.0.0.1:8080 MODEL=large-v3 python faster_whisper_worker.py

SIGTERM lets it finish the current job; a second one stops at once and releases the job. On a machine with several
GPUs, start one for each with CUDA_VISIBLE_DEVICES.
"""

from __future__ import annotations

import logging
import math
import os

import ctranslate2
from faster_whisper import BatchedInferencePipeline, WhisperModel

from transcription_monitor import HeldJob, Transcript, TranscriptionAPI, Worker

WINDOW_SECONDS = 30  # the window of a Whisper model


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    device = "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
    name = os.environ.get("MODEL", "large-v3" if device == "cuda" else "base")
    model = WhisperModel(name, device=device, compute_type="float16" if device == "cuda" else "int8")
    pipeline = BatchedInferencePipeline(model=model)

    api = TranscriptionAPI(
        base_url=os.environ.get("TMON_SERVER", "http://127.0.0.1:8080"), api_key=os.environ.get("TMON_API_KEY")
    )
    worker = Worker(
        api,
        capabilities={
            "model": name,
            "device": device,
            "gpu_optimized": device == "cuda",
            "batch_size": 16 if device == "cuda" else 4,
        },
        location={"region": os.environ.get("AWS_REGION")},
    )
    for job in worker.jobs():
        with job:
            job.complete(transcribe(job, pipeline, f"faster-whisper {name}"))


def transcribe(job: HeldJob, pipeline: BatchedInferencePipeline, engine: str) -> Transcript:
    samples = job.read_audio()
    # `job.batch_size` is less than the worker's own after an attempt that ran out of GPU memory.
    segments, info = pipeline.transcribe(samples, batch_size=job.batch_size or 1, without_timestamps=False)
    total = max(1, math.ceil(info.duration / WINDOW_SECONDS))
    done = []
    for segment in segments:  # a generator: the work is done here
        done.append(segment)
        job.progress(
            percentage=100 * min(1.0, segment.end / info.duration),
            current_chunk=min(total, int(segment.end // WINDOW_SECONDS)),
            total_chunks=total,
            duration_seconds=info.duration,
        )
    return Transcript.of_segments(done, engine=engine, language=info.language, duration_seconds=info.duration)


if __name__ == "__main__":
    main()
