"""What speaks against a transcript: text where nothing is heard, a loop, an end long before the recording's, times
outside of it. Whisper makes such transcripts with full confidence.

The rules, figures and words of `tmon worker` (agent/quality), which a test compares; the standard library alone.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

#: `duration_seconds`; `level_db` of each half second; `voice`: start and end of each stretch, None without a detector.
Heard = Mapping[str, Any]
Segment = Mapping[str, Any]
Reason = dict[str, Any]

REASONS_MAX = 100
LEVEL_SECONDS = 0.5
SILENT_DB = -120.0
BELOW_LOUD_DB, SILENCE_MAX_DB, SILENCE_MIN_DB = 35.0, -60.0, -75.0
#: The times of segments are not exact.
INEXACT_SECONDS = 1.0
CHARACTERS_PER_SECOND_MAX = 40
PHRASE_WORDS_MAX = 40
VOICE_SECONDS_MIN, SOUND_SECONDS_MIN = 6.0, 15.0
SHARE_MIN = 0.25
AS_LOUD_DB, CHANGE_DB_MIN = 10.0, 4.0
#: Whisper pads the last window of 30 s: its last segment may end later, but not begin later.
PADDED_SECONDS = 30.0
WITHOUT_LENGTH_MIN = 3
QUOTED_MAX = 60


def judge(segments: Sequence[Segment], duration_seconds: float, heard: Heard | None) -> dict[str, Any]:
    """`suspect` and `reasons`. A segment has `start_seconds`, `end_seconds` and `text`. `heard`: None if the audio
    could not be measured; then only the text and its times are checked.
    """
    reasons = [
        *_times_outside(segments, duration_seconds if heard is None else heard["duration_seconds"]),
        *([] if heard is None else _over_silence(segments, heard)),
        *_repetitions(segments),
        *([] if heard is None else _ends_early(segments, heard)),
    ]
    return {"suspect": bool(reasons), "reasons": [_rounded(reason) for reason in reasons[:REASONS_MAX]]}


def is_better(second: Mapping[str, Any], first: Mapping[str, Any]) -> bool:
    """Of two transcripts of one recording, whether the second has less against it."""
    return _against(second) < _against(first)


def _against(quality: Mapping[str, Any]) -> float:
    """Seconds of the recording for which it is wrong, and a little for each reason."""
    return float(sum(1 + (one["end_seconds"] - one["start_seconds"]) for one in quality["reasons"]))


def _rounded(reason: Reason) -> Reason:
    start = max(0.0, _round(reason["start_seconds"] * 1000) / 1000)
    return {**reason, "start_seconds": start, "end_seconds": max(start, _round(reason["end_seconds"] * 1000) / 1000)}


def _reason(code: str, message: str, start_seconds: float, end_seconds: float) -> Reason:
    return {"code": code, "message": message, "start_seconds": start_seconds, "end_seconds": end_seconds}


def _times_outside(segments: Sequence[Segment], duration: float) -> list[Reason]:
    reasons = []
    outside = [
        one
        for one in segments
        if one["start_seconds"] > duration + INEXACT_SECONDS
        or one["end_seconds"] > duration + PADDED_SECONDS + INEXACT_SECONDS
    ]
    if outside:
        start, end = outside[0]["start_seconds"], max(one["end_seconds"] for one in outside)
        count = "a segment" if len(outside) == 1 else f"{len(outside)} segments"
        message = f"{count} at {_place(start)} to {_place(end)}, in a recording of {_fixed(duration, 1)} s"
        reasons.append(_reason("times_outside", message, start, end))
    without = [one for one in segments if one["end_seconds"] - one["start_seconds"] < 0.01]
    if len(without) >= WITHOUT_LENGTH_MIN and len(without) > len(segments) / 2:
        message = f"{len(without)} of {len(segments)} segments have no length"
        reasons.append(_reason("times_outside", message, without[0]["start_seconds"], without[-1]["end_seconds"]))
    return reasons


def _over_silence(segments: Sequence[Segment], heard: Heard) -> list[Reason]:
    text = " ".join(one["text"] for one in segments)
    duration: float = heard["duration_seconds"]
    if len(text) > CHARACTERS_PER_SECOND_MAX * (duration + 0.5):
        message = f"{len(text)} characters in {_fixed(duration, 2)} s of audio: {_quoted(text)}"
        return [_reason("text_over_silence", message, 0, duration)]
    silence_db = _silence_below(heard)
    reasons = []
    for one in segments:
        start, end = one["start_seconds"] - INEXACT_SECONDS, one["end_seconds"] + INEXACT_SECONDS
        levels = _levels(heard, start, end)
        if not levels:  # text outside of the audio
            continue
        silent = all(level < silence_db for level in levels)
        if not silent and (heard["voice"] is None or _voice(heard, start, end) > 0):
            continue
        where = "it is silent" if silent else "no voice is heard"
        message = f"{_quoted(one['text'])} at {_place(one['start_seconds'])}, where {where}"
        reasons.append(_reason("text_over_silence", message, one["start_seconds"], one["end_seconds"]))
    return reasons


def _repetitions(segments: Sequence[Segment]) -> list[Reason]:
    words = [(word, one) for one in segments for word in words_of(one["text"])]
    reasons = []
    texts = [word for word, _ in words]
    at = 0
    while at < len(words):
        loop = _loop_at(texts, at)
        if loop is None:
            at += 1
            continue
        phrase, times = loop
        first, last = words[at][1], words[at + phrase * times - 1][1]
        said = _quoted(" ".join(texts[at : at + phrase]))
        message = f"{said} {times} times in a row, from {_place(first['start_seconds'])}"
        reasons.append(_reason("repetition", message, first["start_seconds"], last["end_seconds"]))
        at += phrase * times
    return reasons


def _loop_at(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """The words of the shortest phrase here that repeats often enough, and how often."""
    for phrase in range(1, PHRASE_WORDS_MAX + 1):
        # Short phrases are a loop only after many repetitions: "no no no no no" is none.
        least = 12 if phrase == 1 else 8 if phrase <= 3 else 5
        if at + phrase * least > len(words):
            return None
        if words[at] != words[at + phrase]:
            continue
        same = 0
        while at + phrase + same < len(words) and words[at + phrase + same] == words[at + same]:
            same += 1
        times = 1 + same // phrase
        if times >= least:
            return phrase, times
    return None


def _ends_early(segments: Sequence[Segment], heard: Heard) -> list[Reason]:
    start = max([0.0, *(one["end_seconds"] for one in segments)])
    end: float = heard["duration_seconds"]
    begin = start + INEXACT_SECONDS if segments else 0.0
    if end - begin < VOICE_SECONDS_MIN:
        return []
    if heard["voice"] is None:
        seconds, what, least = _like_speech(heard, segments, begin), "something like speech", SOUND_SECONDS_MIN
    else:
        seconds, what, least = _voice(heard, begin, end), "a voice", VOICE_SECONDS_MIN
    if seconds < least or seconds < SHARE_MIN * (end - begin):
        return []
    where = f"the text ends at {_place(start)}" if segments else "there is no text"
    message = f"{where}, and {what} is heard for {_round(seconds)} s after that, until {_place(end)}"
    return [_reason("ends_early", message, start, end)]


def _like_speech(heard: Heard, segments: Sequence[Segment], begin: float) -> float:
    """Seconds of sound that is as loud as the transcribed part, and changes as speech does; 0 without text."""
    spoken = sorted(level for one in segments for level in _levels(heard, one["start_seconds"], one["end_seconds"]))
    if not spoken:
        return 0.0
    typical = spoken[len(spoken) // 2]
    silence_db = _silence_below(heard)
    after = [level for level in _levels(heard, begin, heard["duration_seconds"]) if level >= silence_db]
    if not after:
        return 0.0
    mean = sum(after) / len(after)
    if math.sqrt(sum((level - mean) ** 2 for level in after) / len(after)) < CHANGE_DB_MIN:
        return 0.0
    return sum(level > typical - AS_LOUD_DB for level in after) * LEVEL_SECONDS


def _levels(heard: Heard, start: float, end: float) -> Sequence[float]:
    """Of the half seconds that the span touches."""
    found: Sequence[float] = heard["level_db"]
    return found[max(0, math.floor(start / LEVEL_SECONDS)) : max(0, math.ceil(end / LEVEL_SECONDS))]


def _voice(heard: Heard, start: float, end: float) -> float:
    """Seconds with a voice in the span."""
    return float(sum(max(0.0, min(to, end) - max(begin, start)) for begin, to in heard["voice"]))


def _silence_below(heard: Heard) -> float:
    """Far below the loud parts, but quiet recordings are heard too."""
    levels = sorted(heard["level_db"])
    loud = levels[min(len(levels) - 1, math.floor(len(levels) * 0.95))] if levels else SILENT_DB
    return min(SILENCE_MAX_DB, max(SILENCE_MIN_DB, loud - BELOW_LOUD_DB))


def words_of(text: str) -> list[str]:
    """In lower case, without punctuation; in scripts without spaces, characters."""
    words: list[str] = []
    within = False
    for character in text.lower():
        if _stands_alone(character):
            words.append(character)
            within = False
        elif character in "’'" or unicodedata.category(character)[0] in "LMN":  # noqa: RUF001
            if within:
                words[-1] += character
            else:
                words.append(character)
            within = True
        else:
            within = False
    return words


def _stands_alone(character: str) -> bool:
    name = unicodedata.name(character, "")
    scripts = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA LETTER", "KATAKANA LETTER", "THAI CHARACTER")
    return name.startswith(scripts)


def _quoted(text: str) -> str:
    one = " ".join(text.split())
    return f"“{one[:QUOTED_MAX]}…”" if len(one) > QUOTED_MAX else f"“{one}”"


def _place(seconds: float) -> str:
    """`1:02`, `1:00:03`"""
    whole = max(0, math.floor(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours > 0 else f"{minutes}:{whole % 60:02}"


def _round(value: float) -> int:
    """As JavaScript does."""
    return math.floor(value + 0.5)


def _fixed(value: float, digits: int) -> str:
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
