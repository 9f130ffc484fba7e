"""A stand-in for faster-whisper 1.2.1, with the library's own signatures, so that invalid calls fail."""

import collections
import types

import stand_in

Segment = collections.namedtuple("Segment", "id seek start end text tokens avg_logprob compression_ratio no_speech_prob words temperature")
TranscriptionInfo = collections.namedtuple("TranscriptionInfo", "language language_probability duration duration_after_vad")


def decode_audio(input_file, sampling_rate=16000, split_stereo=False):
    return stand_in.check_audio(input_file)


class WhisperModel:
    def __init__(
        self,
        model_size_or_path,
        device="auto",
        device_index=0,
        compute_type="default",
        cpu_threads=0,
        num_workers=1,
        download_root=None,
        local_files_only=False,
        files=None,
        revision=None,
        use_auth_token=None,
        **model_kwargs,
    ):
        if device == "cuda":
            raise RuntimeError("CUDA failed with error CUDA driver version is insufficient for CUDA runtime version")
        if model_size_or_path == "nowhere":
            raise ValueError("Invalid model size 'nowhere', expected one of: tiny.en, tiny")
        stand_in.check_model(model_size_or_path)
        self.model = types.SimpleNamespace(is_multilingual=not model_size_or_path.endswith(".en"))
        self.feature_extractor = types.SimpleNamespace(mel_filters=types.SimpleNamespace(shape=(80, 201)))
        self.supported_languages = ["en"] if model_size_or_path.endswith(".en") else ["en", "de", "fr", "es", "it"]

    def encode(self, features):
        assert features == (80, 3000)
        stand_in.check_gpu()

    def transcribe(
        self,
        audio,
        language=None,
        task="transcribe",
        log_progress=False,
        beam_size=5,
        condition_on_previous_text=True,
        without_timestamps=False,
        vad_filter=False,
        initial_prompt=None,
        hotwords=None,
        word_timestamps=False,
        temperature=(0.0, 0.2),
    ):
        text = "one by one" if initial_prompt is None else "%s as %s, %s at %s" % (task, initial_prompt, hotwords, temperature)
        if beam_size != 5:
            text += " with %d beams" % beam_size
        words = [types.SimpleNamespace(word=" one", start=0.0, end=0.5, probability=0.9)] if word_timestamps else None
        return _segments(text, stand_in.audio(), words), TranscriptionInfo(language or "de", 0.9, len(audio) / 16000, len(audio) / 16000)


class BatchedInferencePipeline:
    def __init__(self, model):
        self.model = model

    def transcribe(
        self,
        audio,
        language=None,
        task="transcribe",
        log_progress=False,
        beam_size=5,
        condition_on_previous_text=True,
        without_timestamps=True,
        vad_filter=True,
        batch_size=8,
        hotwords=None,
    ):
        text = "batches of %d, %s" % (batch_size, "no times" if without_timestamps else "times")
        return _segments(text, stand_in.audio()), TranscriptionInfo(language or "de", 0.9, len(audio) / 16000, len(audio) / 16000)


def _segments(text, audio, words=None):
    print("a line of the library's own")
    for index, (start, end) in enumerate([(0.0, 20.0), (20.0, 45.5), (45.5, 69.0)]):
        stand_in.before_segment(audio)
        yield Segment(index, 0, start, end, " " + text, [], -0.5, 1.0, 0.25, words, 0.0)
