"""Reads a recording for a Whisper model: its samples, and warnings about it. As read_audio.py of `tmon worker`, with
the decoder of this package.
"""

import importlib.util
import json
from pathlib import Path

import worker_protocol

WORKER = Path(__file__).parents[2] / "worker"
FORMATS = ",".join(json.loads((WORKER / "ffmpeg-formats.json").read_text()))


def load_decoder():
    """By its path: the package would load the whole client."""
    spec = importlib.util.spec_from_file_location("decode_audio", WORKER / "decode_audio.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


decoder = load_decoder()


def read_audio(path, rate):
    """Returns the samples as 32-bit floats, mono, and the warnings about the recording."""
    try:
        samples, damage = decoder.decode_audio(path, rate, FORMATS)
    except decoder.UnreadableError as error:
        raise worker_protocol.Failure(error.code, str(error)) from error
    return samples, [] if damage is None else [{"code": "audio_damaged", "message": damage}]
