"""Reads a recording for a Whisper model: its samples, and warnings about it."""

import json
from pathlib import Path

import worker_protocol
from decode_audio import UnreadableError, decode_audio

FORMATS = ",".join(json.loads((Path(__file__).parents[2] / "audio/ffmpeg-formats.json").read_text()))


def read_audio(path, rate):
    """Returns the samples as 32-bit floats, mono, and the warnings about the recording."""
    try:
        samples, damage = decode_audio(path, rate, FORMATS)
    except UnreadableError as error:
        raise worker_protocol.Failure(error.code, str(error)) from error
    return samples, [] if damage is None else [{"code": "audio_damaged", "message": damage}]
