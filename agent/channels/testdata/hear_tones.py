"""An engine for tests: writes the pitch of each second of a WAV in which something is heard, as JSON."""

import array
import json
import sys
import wave

with wave.open(sys.argv[1]) as sound:
    rate, channels = sound.getframerate(), sound.getnchannels()
    samples = array.array("h", sound.readframes(sound.getnframes()))
segments = []
for at in range(0, len(samples), rate * channels):
    second = samples[at : at + rate * channels : channels]
    crossings = sum(1 for one, other in zip(second, second[1:]) if (one < 0) != (other < 0))
    start = at // (rate * channels)
    if crossings > 10:
        segments.append({"start": start, "end": start + 1, "text": "%d Hz" % (round(crossings / 200) * 100)})
    print("%d%%" % (100 * (at + rate) // len(samples)), flush=True)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump({"segments": segments}, file)
