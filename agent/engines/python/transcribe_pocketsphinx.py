"""Transcribes English with PocketSphinx 5 and the model in its wheel. Reads only 16 kHz mono 16-bit WAV.

PocketSphinx's search slows down and drifts in long utterances, so the audio is cut into chunks of about five seconds, each at
the quietest moment near its end, and each is decoded separately.
"""

import array
import math
import sys
import wave

import worker_protocol

RATE = 16000
WINDOW = RATE // 50  # 20 ms: the resolution of the loudness
PIECE_WINDOWS_MIN = 175  # 3.5 s
PIECE_WINDOWS_MAX = 325  # 6.5 s
REST_WINDOWS_MAX = 400  # 8 s: a shorter rest is not cut, to avoid a chunk of a few words
QUIET_WINDOWS = 16  # cuts in the middle of the quietest 320 ms, about the length of a pause between sentences
SILENCE = 30  # mean amplitude, of 32767: below -60 dB the decoder invents words
FRAMES_PER_SECOND = 100  # of the decoder


class Pocketsphinx:
    packages = ("pocketsphinx",)
    parallel = 1
    capabilities = {"model": "en-us", "device": "cpu", "gpu_optimized": False, "batch_size": 1}

    def __init__(self, _options, _parallel):
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=RATE, loglevel="FATAL")
        self._cepstral_mean = self._decoder.get_cmn(False)

    def check(self):
        pass

    def transcribe(self, job):
        pieces = plan(job.audio_path)
        total_seconds = pieces[-1][1] / RATE if pieces else 0
        job.audio(total_seconds)
        self._decoder.set_cmn(self._cepstral_mean)  # it has adapted to the recording before
        segments = []
        with wave.open(job.audio_path, "rb") as file:
            for index, (start, end, loudest) in enumerate(pieces):
                job.check()
                job.progress(start / RATE, total_seconds, index, len(pieces))
                pcm = file.readframes(end - start)
                segment = decode(self._decoder, pcm, start / RATE) if loudest > SILENCE else None
                if segment is not None:
                    segments.append(segment)
        job.progress(total_seconds, total_seconds, len(pieces), len(pieces))
        return {"language": "en", "segments": segments}


def plan(audio):
    """Returns the chunks as (first sample, sample after the last, loudest window's loudness)."""
    loudness = []
    samples = 0
    try:
        with wave.open(audio, "rb") as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            if form != (RATE, 1, 2):
                raise worker_protocol.Failure("audio_unsupported", "not 16 kHz mono 16-bit: %s" % (form,))
            while True:
                block = array.array("h", file.readframes(WINDOW * 500))
                if sys.byteorder == "big":
                    block.byteswap()
                if not block:
                    break
                samples += len(block)
                for at in range(0, len(block), WINDOW):
                    heard = block[at : at + WINDOW : 4]  # a quarter of the samples is enough for the loudness
                    loudness.append(sum(map(abs, heard)) / len(heard))
    except (wave.Error, EOFError, ValueError) as error:
        raise worker_protocol.Failure("audio_unreadable", "not a WAV file: %s" % error) from error

    pieces = []
    start = 0
    while len(loudness) - start > REST_WINDOWS_MAX:
        candidates = range(start + PIECE_WINDOWS_MIN, start + PIECE_WINDOWS_MAX - QUIET_WINDOWS)
        quietest = min(candidates, key=lambda at: sum(loudness[at : at + QUIET_WINDOWS]))
        cut = quietest + QUIET_WINDOWS // 2
        pieces.append((start * WINDOW, cut * WINDOW, max(loudness[start:cut])))
        start = cut
    if samples > start * WINDOW:
        pieces.append((start * WINDOW, samples, max(loudness[start:])))
    return pieces


def decode(decoder, pcm, offset_seconds):
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=False, full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return None
    # Besides words there are filler tokens: <s>, </s>, <sil>, [NOISE]. A word's second pronunciation is "read(2)".
    words = [word for word in decoder.seg() if word.word[0] not in "<["]
    if not words:
        return None
    return {
        "start_seconds": offset_seconds + words[0].start_frame / FRAMES_PER_SECOND,
        "end_seconds": offset_seconds + (words[-1].end_frame + 1) / FRAMES_PER_SECOND,
        "text": " ".join(word.word.split("(")[0] for word in words),
        "confidence": math.fsum(word.prob for word in words) / len(words),
    }


worker_protocol.run(Pocketsphinx)
