"""Transcribes with openai-whisper. Progress is read from its progress bar, its only report."""

import importlib
import math
import shutil
import types

import hear
import worker_protocol

SAMPLE_RATE = 16000
FRAMES_PER_SECOND = 100  # the unit in which the library's bar counts
WINDOW_FRAMES = 3000  # of 30 s
# The library's names of a job's options, and what a job can't set by `engine_options`.
NAMES = {"prompt": "initial_prompt", "word_timestamps": "word_timestamps", "temperature": "temperature"}
MORE = ("beam_size", "best_of", "patience", "length_penalty", "suppress_tokens")
OURS = ("model", "verbose", "decode_options", "language", "task", "fp16", *NAMES.values())


class OpenaiWhisper:
    packages = ("openai-whisper", "torch")
    parallel = 1  # decoding keeps its state in the model

    def __init__(self, options, _parallel):
        import whisper  # noqa: F401  reports its own absence first
        from whisper.tokenizer import LANGUAGES, TO_LANGUAGE_CODE

        if shutil.which("ffmpeg") is None:
            raise worker_protocol.Failure("engine_missing", "it reads audio through ffmpeg, which is not installed")
        self._model, self._device, name = load(options)
        self._languages = list(LANGUAGES)
        known = [*LANGUAGES, *TO_LANGUAGE_CODE] if self._model.is_multilingual else ["en", "english"]
        worker_protocol.check_language(options.get("language"), known)
        model = worker_protocol.model_name(name)
        gpu = self._device == "cuda"
        self.capabilities = {"model": model, "device": self._device, "gpu_optimized": gpu, "batch_size": 1}

    def check(self):
        """Encodes a window of silence."""
        import torch

        silence = torch.zeros((1, self._model.dims.n_mels, WINDOW_FRAMES), dtype=torch.float32).to(self._model.device)
        with torch.no_grad():
            self._model.encoder(silence)

    def transcribe(self, job):
        decoding = self._decoding(job.options)
        samples = decode(job.audio_path)
        heard = hear.start(samples)
        duration = len(samples) / SAMPLE_RATE
        job.audio(duration)
        job.check()
        report_bar(job, duration)
        try:
            # verbose=False prints a bar and no text. fp16 on a CPU would only warn.
            result = self._model.transcribe(
                samples,
                verbose=False,
                fp16=self._device == "cuda",
                **decoding,
            )
        finally:
            release_memory()
        with_words = job.options["job"].get("word_timestamps", False)
        segments = [spoken(segment, with_words) for segment in result["segments"]]
        return {"language": result["language"], "segments": segments, "heard": heard()}


    def _decoding(self, options):
        import whisper

        wanted, multilingual = options["job"], self._model.is_multilingual
        language = worker_protocol.job_language(wanted, options.get("language"), self._languages, multilingual)
        decoding = {NAMES[name]: wanted[name] for name in NAMES if name in wanted}
        if "condition_on_previous_text" in options:  # False in the second try: an error of one window is not handed to the next
            decoding["condition_on_previous_text"] = options["condition_on_previous_text"]
        decoding.update(worker_protocol.engine_options(wanted, whisper.transcribe, OURS, MORE))
        return {**decoding, "language": language, "task": worker_protocol.job_task(wanted, multilingual)}


def spoken(segment, with_words):
    found = {
        "start_seconds": segment["start"],
        "end_seconds": segment["end"],
        "text": segment["text"],
        "confidence": math.exp(segment["avg_logprob"]),
        "no_speech": segment["no_speech_prob"],
    }
    if with_words:
        found["words"] = worker_protocol.words_of(segment.get("words"))
    return found


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


def release_memory():
    """Torch keeps what a job needed on the GPU, also after the memory was full."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


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


def report_bar(job, duration):
    """Replaces the library's bar with ours: `whisper.transcribe` is the function, so the module is imported by name."""
    import tqdm

    total = worker_protocol.windows(duration)

    class Bar(tqdm.tqdm):
        def update(self, n=1):
            shown = super().update(n)
            done = self.n / FRAMES_PER_SECOND
            job.progress(done, duration, int(done // 30), total)
            job.check()
            return shown

    importlib.import_module("whisper.transcribe").tqdm = types.SimpleNamespace(tqdm=Bar)
    job.progress(0, duration, 0, total)


worker_protocol.run(OpenaiWhisper)
