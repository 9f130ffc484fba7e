"""A worker around whisperX, which reports progress through `progress_callback` (3.8 and newer).

pip install 'transcription-monitor[worker,s3]' 'whisperx>=3.8'
TMON_SERVER=http://127.0.0.1:8080 python whisperx_worker.py
"""

from __future__ import annotations

import os

import whisperx

from transcription_monitor import HeldJob, Transcript, TranscriptionAPI, Worker

MODEL = os.environ.get("MODEL", "large-v3")
DEVICE = os.environ.get("DEVICE", "cuda")
SAMPLES_PER_SECOND = 16_000  # of read_audio


def main() -> None:
    model = whisperx.load_model(MODEL, DEVICE, compute_type="float16" if DEVICE == "cuda" else "int8")

    def transcribe(job: HeldJob) -> Transcript:
        audio = job.read_audio()
        duration = len(audio) / SAMPLES_PER_SECOND
        job.progress(percentage=0, duration_seconds=duration)

        # Called with 0 to 100, first for the transcription, then for the alignment. Exceptions of `job.progress`
        # (JobCancelled, LeaseLost) propagate through whisperX and end its work.
        heard = model.transcribe(
            audio,
            batch_size=job.batch_size,
            progress_callback=lambda percentage: job.progress(percentage=percentage * 0.8),
        )
        aligner, metadata = whisperx.load_align_model(language_code=heard["language"], device=DEVICE)
        aligned = whisperx.align(
            heard["segments"],
            aligner,
            metadata,
            audio,
            DEVICE,
            progress_callback=lambda percentage: job.progress(percentage=80 + percentage * 0.2, stage="ALIGNING"),
        )
        return Transcript.of_segments(
            aligned["segments"], engine=f"whisperx {MODEL}", language=heard["language"], duration_seconds=duration
        )

    api = TranscriptionAPI(
        base_url=os.environ.get("TMON_SERVER", "http://127.0.0.1:8080"), api_key=os.environ.get("TMON_API_KEY")
    )
    Worker(api, capabilities={"model": MODEL, "device": DEVICE, "batch_size": 16}).run(transcribe)


if __name__ == "__main__":
    main()
