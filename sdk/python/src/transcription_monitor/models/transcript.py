"""The result of a job: the spoken text, with times. Also uploads and the results of reported events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import AwareDatetime, Field, SerializerFunctionWrapHandler, model_serializer

from .base import Model


def _without(fields: dict[str, Any], optional: tuple[str, ...]) -> dict[str, Any]:
    """Without those that are None or empty: older monitors refuse fields that they do not know."""
    return {name: value for name, value in fields.items() if name not in optional or value not in (None, [], {})}


class TranscriptWord(Model):
    start_seconds: float
    end_seconds: float
    text: str
    #: 0 to 1, as reported by the engine; None if it reports none.
    probability: float | None = None
    #: As of its segment, in which more than one person may speak.
    speaker: str | None = None
    #: As of its segment.
    channel: int | None = None

    @model_serializer(mode="wrap")
    def _without_unknowns(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without(serialize(self), ("speaker", "channel"))


class TranscriptSegment(Model):
    #: Counts from 0.
    id: int = 0
    #: From the start of the audio.
    start_seconds: float
    end_seconds: float
    text: str
    #: 0 (a guess) to 1 (certain), as reported by the engine; None if it reports none.
    confidence: float | None = None
    #: With `word_timestamps`; None if the engine reports none.
    words: list[TranscriptWord] | None = None
    #: Probability that nothing is said, 0 to 1; None if the engine reports none.
    no_speech: float | None = None
    #: Who speaks, as the engine names them: `SPEAKER_00`. None if it does not tell speakers apart.
    speaker: str | None = None
    #: With `channels="split"`: counts from 0; of stereo 0 is left and 1 is right. Otherwise None.
    channel: int | None = None
    #: ISO 639-1; None if it is that of the transcript, or unknown.
    language: str | None = None
    #: What else the engine reports, under its own names: at most 8 KiB of JSON.
    extra: dict[str, Any] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _without_unknowns(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without(serialize(self), ("words", "no_speech", "speaker", "channel", "language", "extra"))


class TranscriptWarning(Model):
    """About the recording: it is cut short, damaged."""

    #: Stable, for programs: `audio_truncated`.
    code: str = ""
    #: For people.
    message: str = ""


class QualityReason(Model):
    #: `text_over_silence`, `repetition`, `ends_early`, `times_outside`; other checks may have codes of their own.
    code: str = ""
    #: For people.
    message: str = ""
    #: The part of the audio that it is about.
    start_seconds: float = 0.0
    end_seconds: float = 0.0


class TranscriptQuality(Model):
    """What speaks against the text."""

    #: Whether the text, or a part of it, can hardly be what was said.
    suspect: bool = False
    reasons: list[QualityReason] = Field(default_factory=list)


class Transcript(Model):
    """The spoken text, with times."""

    #: The whole text, segments joined by single spaces.
    text: str
    #: ISO 639-1 (`en`), or None if the engine doesn't report it.
    language: str | None = None
    #: Length of the audio.
    duration_seconds: float = 0.0
    #: The engine and model that produced it: `faster-whisper large-v3`.
    engine: str = ""
    #: Of the engine: `1.2.1`. None if unknown.
    engine_version: str | None = None
    #: The model alone: `large-v3`. None if unknown.
    model: str | None = None
    #: Ordered by start time.
    segments: list[TranscriptSegment]
    #: About the recording.
    warnings: list[TranscriptWarning] = Field(default_factory=list)
    #: None if the text was not checked.
    quality: TranscriptQuality | None = None
    #: What else the engine reports about the recording, under its own names: at most 64 KiB of JSON.
    extra: dict[str, Any] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _without_unknowns(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without(serialize(self), ("engine_version", "model", "warnings", "quality", "extra"))

    @classmethod
    def of_segments(
        cls,
        segments: Iterable[Any],
        *,
        engine: str,
        language: str | None = None,
        duration_seconds: float | None = None,
    ) -> Transcript:
        """Builds a transcript from an engine's segments: sorted, trimmed and numbered, without empty ones.

        A segment is an object or a dict with `start`, `end` and `text`, and optionally `avg_logprob`
        (faster-whisper, openai-whisper, whisperX), or with `start_seconds`, `end_seconds`, `text` and `confidence`.
        `words`, `speaker`, `channel`, `language`, `no_speech` or `no_speech_prob`, and `extra` are kept.
        `duration_seconds` defaults to the end of the last one. Raises ValueError for anything else.
        """
        kept = sorted(
            (s for s in map(_segment_of, segments) if s["text"]), key=lambda segment: segment["start_seconds"]
        )
        ends = max((segment["end_seconds"] for segment in kept), default=0.0)
        length = max(0.0, duration_seconds) if duration_seconds is not None else ends
        for number, segment in enumerate(kept):
            segment["id"] = number
            # Engines pad the audio, so a segment may end after the recording does. Its start is never moved.
            latest = length if segment["start_seconds"] < length else segment["end_seconds"]
            segment["end_seconds"] = max(segment["start_seconds"], min(segment["end_seconds"], latest))
        return cls(
            text=" ".join(segment["text"] for segment in kept),
            language=language,
            duration_seconds=round(length, 3),
            engine=engine,
            segments=[TranscriptSegment(**segment) for segment in kept],
        )


def _segment_of(given: Any) -> dict[str, Any]:
    fields: Mapping[str, Any] = (
        given if isinstance(given, Mapping) else {name: getattr(given, name, None) for name in _SEGMENT_FIELDS}
    )
    start, end = (_first(fields, name + "_seconds", name) for name in ("start", "end"))
    text = fields.get("text")
    if not isinstance(text, str) or start is None or end is None:
        raise ValueError(f"a segment has start, end and text; this is {given!r:.200}")
    confidence, logprob = fields.get("confidence"), fields.get("avg_logprob")
    if confidence is None and logprob is not None:
        # The exponential of the mean log probability of the tokens is their geometric mean.
        confidence = math.exp(logprob)
    return {
        "start_seconds": round(max(0.0, float(start)), 3),
        "end_seconds": round(max(0.0, float(end)), 3),
        "text": text.strip(),
        "confidence": _share(confidence),
        "no_speech": _share(_first(fields, "no_speech", "no_speech_prob")),
        "words": _words_of(fields.get("words")),
        "extra": fields.get("extra") or {},
        **{name: fields.get(name) for name in ("speaker", "channel", "language")},
    }


_SEGMENT_FIELDS = (
    *("start", "end", "start_seconds", "end_seconds", "text", "confidence", "avg_logprob"),
    *("words", "no_speech", "no_speech_prob", "speaker", "channel", "language", "extra"),
)
_WORD_FIELDS = (
    *("start", "end", "start_seconds", "end_seconds", "word", "text", "probability", "score"),
    *("speaker", "channel"),
)


def _words_of(given: Iterable[Any] | None) -> list[dict[str, Any]] | None:
    """Of whisperX some words have no times: they are left out."""
    if given is None:
        return None
    words = []
    for word in given:
        fields: Mapping[str, Any] = (
            word if isinstance(word, Mapping) else {name: getattr(word, name, None) for name in _WORD_FIELDS}
        )
        start, end = (_first(fields, name + "_seconds", name) for name in ("start", "end"))
        text = _first(fields, "word", "text")
        if start is None or end is None or not isinstance(text, str):
            continue
        start_seconds = round(max(0.0, float(start)), 3)
        words.append(
            {
                "start_seconds": start_seconds,
                "end_seconds": max(start_seconds, round(float(end), 3)),
                "text": text.strip(),
                "probability": _share(_first(fields, "probability", "score")),
                **{name: fields.get(name) for name in ("speaker", "channel")},
            }
        )
    return words


def _share(value: float | None) -> float | None:
    return None if value is None else round(min(1.0, max(0.0, float(value))), 3)


def _first(fields: Mapping[str, Any], *names: str) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


class VerboseSegment(Model):
    id: int = 0
    #: Seconds from the start of the audio.
    start: float
    end: float
    text: str
    #: Of a segment without a known confidence it is 0, that of a certain one.
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    #: None if unknown; not in OpenAI's API.
    speaker: str | None = None
    channel: int | None = None


class VerboseWord(Model):
    word: str
    #: Seconds from the start of the audio.
    start: float
    end: float
    #: None if unknown; not in OpenAI's API.
    speaker: str | None = None
    channel: int | None = None


class VerboseTranscript(Model):
    """A transcript in the form of OpenAI's API, `verbose_json`."""

    #: `transcribe` or `translate`.
    task: str = ""
    #: Its English name, `english`; `unknown` if the engine does not report it.
    language: str = ""
    #: Of the audio, seconds.
    duration: float = 0.0
    text: str
    segments: list[VerboseSegment]
    #: Of all segments; empty if the engine reports none.
    words: list[VerboseWord] = Field(default_factory=list)


class StoredTranscript(Model):
    """The result of storing a transcript: the values for the completion's `output`."""

    #: Where it is stored, in the job's `output_format`.
    s3_path: str
    segments_count: int = 0
    confidence_score: float | None = None
    #: The transcript's warnings, then one reason of each kind for which it is suspect.
    warnings: list[TranscriptWarning] = Field(default_factory=list)
    suspect: bool = False
    #: An earlier attempt had already stored a transcript; it is kept, and these are its figures.
    already_there: bool = False


class AttemptLog(Model):
    """The end of what the engine printed during an attempt."""

    text: str
    #: Where it ends: bytes since the beginning of the attempt. The `after_bytes` of the next call.
    end_bytes: int = 0
    #: Nothing more will come.
    complete: bool = False


class AttemptLogReceipt(Model):
    """Where the stored log of an attempt ends."""

    job_id: str = ""
    attempt: int = 0
    #: Bytes since the beginning of the attempt.
    end_bytes: int


class Upload(Model):
    upload_id: str
    #: Submit this: `upload://upload-01…/name.wav`.
    audio_url: str
    file_name: str = ""
    file_size_bytes: int = 0
    #: SHA-256 of the bytes, hex.
    sha256: str = ""
    created_at: AwareDatetime | None = None


class RejectedLine(Model):
    #: Counts from 1.
    line: int
    code: str = ""
    detail: str = ""


class LogEventAnswer(Model):
    #: Lines that took effect.
    accepted: int
    #: Lines that were refused, and why; the others took effect.
    rejected: list[RejectedLine] = Field(default_factory=list)
