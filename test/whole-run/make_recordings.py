"""Writes recordings: speech put together from WAV files, in the format that the name's end says.

    python make_recordings.py '[{"path": "a.mp3", "parts": ["one.wav", "two.wav"]}]'
"""

import json
import sys

import av

RATE = 16000
PAUSE_SECONDS = 0.6
CODECS = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac", "ogg": "libopus", "webm": "libopus"}
SAMPLE_RATES = {"ogg": 48000, "webm": 48000}


def samples_of(path):
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(path) as file:
        for frame in file.decode(audio=0):
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray().tobytes()


def write(path, parts):
    pause = b"\0\0" * int(RATE * PAUSE_SECONDS)
    sound = pause.join(b"".join(samples_of(part)) for part in parts)
    end = path.rsplit(".", 1)[1]
    with av.open(path, "w") as file:
        stream = file.add_stream(CODECS[end], rate=SAMPLE_RATES.get(end, RATE))
        stream.layout = "mono"
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(sound) // 2)
        frame.sample_rate = RATE
        frame.planes[0].update(sound)
        frame.pts = 0
        for packet in stream.encode(frame):
            file.mux(packet)
        for packet in stream.encode(None):
            file.mux(packet)


for recording in json.loads(sys.argv[1]):
    write(recording["path"], recording["parts"])
