"""What can be heard in a recording, whatever the recogniser makes of it: the worker compares it with the transcript.

    {"level_db": [-120, -23, ...], "voice": [[0.4, 12.1], ...]}

`level_db` has the level of each half second in dB of full scale, `voice` the stretches in which a detector finds a voice; None
without a detector.
"""

import math
import threading

RATE = 16000
WINDOW = RATE // 2
SILENT_DB = -120


def start(samples):
    """Begins to listen in a thread: the detector takes half a percent of the audio's length on one core, and the recogniser
    needs the time anyway. Returns a function that waits for the result; None if nothing can be said."""
    heard = {}

    def listen():
        try:
            heard["level_db"] = levels(samples)
            heard["voice"] = voices(samples)
        except Exception:  # a missing or changed library must not cost the transcript
            pass

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()

    def result():
        thread.join()
        return heard if "level_db" in heard else None

    return result


def levels(samples):
    import numpy

    found = []
    for at in range(0, len(samples), WINDOW):
        power = float(numpy.mean(numpy.square(samples[at : at + WINDOW], dtype=numpy.float64)))
        found.append(round(max(SILENT_DB, 10 * math.log10(power)) if power > 0 else SILENT_DB))
    return found


def voices(samples):
    """By the detector in faster-whisper. It is asked to be lenient: a voice that it doesn't hear would make good text suspect."""
    try:
        from faster_whisper.vad import VadOptions, get_speech_timestamps
    except ImportError:
        return None
    options = VadOptions(threshold=0.3, min_silence_duration_ms=500, speech_pad_ms=100)
    found = get_speech_timestamps(samples, options)
    return [[round(span["start"] / RATE, 2), round(span["end"] / RATE, 2)] for span in found]
