"""A stand-in for openai-whisper 20250625: its signatures and names, including the function that hides its own module."""

import types

import stand_in

from .transcribe import transcribe


def load_audio(file, sr=16000):
    with open(file, "rb") as opened:
        if opened.read(4) != b"RIFF":
            raise RuntimeError("Failed to load audio: ffmpeg version 6.1\n%s: Invalid data found when processing input\n" % file)
    return stand_in.check_audio(file)


def load_model(name, device=None, download_root=None, in_memory=False):
    if name == "nowhere":
        raise RuntimeError("Model nowhere not found; available models = ['tiny.en']")
    stand_in.check_model(name)
    return Whisper(not name.endswith(".en"))


class Whisper:
    def __init__(self, is_multilingual):
        self.is_multilingual = is_multilingual
        self.device, self.dims = "cpu", types.SimpleNamespace(n_mels=80)

    def encoder(self, mel):
        assert mel == (1, 80, 3000)
        stand_in.check_gpu()

    def transcribe(self, *args, **kwargs):
        return transcribe(self, *args, **kwargs)
