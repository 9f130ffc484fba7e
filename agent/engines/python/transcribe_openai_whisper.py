"""Transcribes with openai-whisper. Progress is read from its progress bar, its only report."""

import importlib
import math
import shutil
import types

import hear
import worker_protocol

SAMPLE_RATE = 16000
FRAMES_PER_SECOND = 100  # the unit in which the library's bar counts


def load(options):
    import torch
    import whisper

    device = options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    name = options.get("model") or ("large-v3" if device == "cuda" else "base")
    try:
        return whisper.load_model(name, device=device), device.partition(":")[0], name
    except RuntimeError as error:
        if not str(error).startswith("Model "):
            raise
        hint = "model= takes a size such as large-v3, or the path of a checkpoint"
        raise worker_protocol.Failure("engine_choice_invalid", str(error).partition(";")[0], hint) from error


def capabilities(options):
    import whisper  # noqa: F401  reports its own absence first
    from whisper.tokenizer import LANGUAGES, TO_LANGUAGE_CODE

    if shutil.which("ffmpeg") is None:
        raise worker_protocol.Failure("engine_missing", "it reads audio through ffmpeg, which is not installed")
    model, device, name = load(options)  # proves that the model can be loaded; downloads it the first time
    known = [*LANGUAGES, *TO_LANGUAGE_CODE] if model.is_multilingual else ["en", "english"]
    worker_protocol.check_language(options.get("language"), known)
    return {"model": worker_protocol.model_name(name), "device": device, "gpu_optimized": device == "cuda", "batch_size": 1}


def transcribe(audio, options):
    samples = decode(audio)
    heard = hear.start(samples)
    model, device, _ = load(options)
    duration = len(samples) / SAMPLE_RATE
    worker_protocol.audio(duration)
    report_bar(duration)
    # verbose=False prints a bar and no text. fp16 on a CPU would only warn.
    result = model.transcribe(
        samples,
        language=options.get("language"),
        verbose=False,
        fp16=device == "cuda",
        # False in the second try: an error of one window is not handed to the next.
        condition_on_previous_text=options.get("condition_on_previous_text", True),
    )
    segments = [
        {
            "start_seconds": segment["start"],
            "end_seconds": segment["end"],
            "text": segment["text"],
            "confidence": math.exp(segment["avg_logprob"]),
        }
        for segment in result["segments"]
    ]
    return {"language": result["language"], "segments": segments, "heard": heard()}


def decode(audio):
    import whisper

    try:
        return whisper.load_audio(audio)
    except FileNotFoundError as error:  # ffmpeg was removed since the start
        raise worker_protocol.Failure("engine_missing", "it reads audio through ffmpeg: %s" % error) from error
    except RuntimeError as error:
        if "Failed to load audio" not in str(error):
            raise
        last = str(error).strip().splitlines()[-1].replace(audio + ": ", "")
        raise worker_protocol.Failure("audio_unreadable", "ffmpeg cannot decode the audio: %s" % last) from error


def report_bar(duration):
    """Replaces the library's bar with ours: `whisper.transcribe` is the function, so the module is imported by name."""
    import tqdm

    total = worker_protocol.windows(duration)

    class Bar(tqdm.tqdm):
        def update(self, n=1):
            shown = super().update(n)
            done = self.n / FRAMES_PER_SECOND
            worker_protocol.progress(done, duration, int(done // 30), total)
            return shown

    importlib.import_module("whisper.transcribe").tqdm = types.SimpleNamespace(tqdm=Bar)
    worker_protocol.progress(0, duration, 0, total)


worker_protocol.run(capabilities, transcribe)
