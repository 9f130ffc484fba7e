"""Transcripts built from an engine's segments, and what of them is sent."""

from __future__ import annotations

from types import SimpleNamespace

from transcription_monitor import Transcript

WHISPERX = {
    "start": 0.0,
    "end": 2.0,
    "text": " Hello 42 ",
    "avg_logprob": 0.0,
    "speaker": "SPEAKER_01",
    "channel": 0,
    "words": [{"word": " Hello", "start": 0.0, "end": 0.5, "score": 0.9, "speaker": "SPEAKER_01"}, {"word": "42"}],
}


def test_words_speakers_and_channels_of_segments_are_kept() -> None:
    word = SimpleNamespace(word=" Bye", start=3.0, end=3.5, probability=1.2)
    faster = SimpleNamespace(start=3.0, end=4.0, text="Bye", avg_logprob=-0.5, words=[word], no_speech_prob=0.25)
    transcript = Transcript.of_segments([WHISPERX, faster], engine="test")
    first, second = transcript.segments
    assert (first.speaker, first.channel, first.no_speech) == ("SPEAKER_01", 0, None)
    assert [(word.text, word.probability, word.speaker) for word in first.words or []] == [("Hello", 0.9, "SPEAKER_01")]
    assert (second.speaker, second.no_speech) == (None, 0.25)
    assert [(word.text, word.probability) for word in second.words or []] == [("Bye", 1.0)]


def test_what_is_not_known_is_not_sent() -> None:
    plain = Transcript.of_segments([{"start": 0, "end": 1, "text": "a"}], engine="test").model_dump(mode="json")
    assert set(plain) == {"text", "language", "duration_seconds", "engine", "segments"}
    assert set(plain["segments"][0]) == {"id", "start_seconds", "end_seconds", "text", "confidence"}
    whole = Transcript.of_segments([{**WHISPERX, "extra": {"tokens": [1]}}], engine="test").model_dump(mode="json")
    assert whole["segments"][0]["extra"] == {"tokens": [1]}
    assert set(whole["segments"][0]["words"][0]) == {"start_seconds", "end_seconds", "text", "probability", "speaker"}
