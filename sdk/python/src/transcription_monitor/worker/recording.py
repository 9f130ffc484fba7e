"""Looks at a downloaded recording before the engine does, as `tmon worker` does.

Only what no engine can read is refused: nothing, a text, a picture, an archive. What the file is called counts for
nothing: its bytes say what it is. The header of a WAV is repaired.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from ..models.transcript import TranscriptWarning
from .errors import AudioError
from .missing_end import find_missing_end
from .wav import NoSamples, Wav, read_wav, repair_wav

HEAD_BYTES = 4096
TAGS_MAX = 10

#: FFmpeg, and all that is built on it, would open the files that these name.
PLAYLIST = re.compile(rb"^(#EXTM3U|ffconcat|\[playlist\]|\[Reference\]|c=IN IP|v=0\r?\n)|<MPD[\s>]", re.MULTILINE)

NOT_AUDIO = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x89PNG\r\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
    (b"MThd", "a MIDI file, which has notes and no sound"),
)

#: By the first bytes: the extension that programs expect.
EXTENSIONS = (
    (re.compile(rb"(RIFF|RF64|BW64)....WAVE", re.DOTALL), ".wav"),
    (re.compile(rb"fLaC"), ".flac"),
    (re.compile(rb"OggS.{24,300}?OpusHead", re.DOTALL), ".opus"),
    (re.compile(rb"OggS"), ".ogg"),
    (re.compile(rb"....ftypqt", re.DOTALL), ".mov"),
    (re.compile(rb"....ftyp3g", re.DOTALL), ".3gp"),
    (re.compile(rb"....ftypM4A", re.DOTALL), ".m4a"),
    (re.compile(rb"....ftyp", re.DOTALL), ".mp4"),
    (re.compile(rb"\x1aE\xdf\xa3"), ".mkv"),
    (re.compile(rb"#!AMR"), ".amr"),
    (re.compile(rb"caff\0"), ".caf"),
    (re.compile(rb"\.snd"), ".au"),
    (re.compile(rb"FORM....AIF", re.DOTALL), ".aiff"),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), ".aac"),
    (re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]"), ".mp3"),
)


def receive(path: Path, *, require_complete: bool = False) -> tuple[Path, list[TranscriptWarning]]:
    """Repairs the file, renames it after its bytes; returns its path and what is wrong with the recording.

    Raises AudioError `audio_empty`, `not_audio` or `audio_truncated`.
    """
    if path.stat().st_size == 0:
        raise AudioError("audio_empty", "the recording is empty: the file has no bytes")
    with path.open("rb") as file:
        tag_bytes = _tag_bytes(file)
        file.seek(tag_bytes)
        head = file.read(HEAD_BYTES)
    what = not_audio(head)
    if what is not None:
        raise AudioError("not_audio", f"this is {what}, not a recording; open the URL: it may lead to a wrong file")
    warnings = _repaired(path, tag_bytes, require_complete)
    extension = next((name for pattern, name in EXTENSIONS if pattern.match(head)), ".mp3" if tag_bytes else None)
    if extension is None or extension == path.suffix:
        return path, warnings
    return path.rename(path.with_suffix(extension)), warnings


def _repaired(path: Path, tag_bytes: int, require_complete: bool) -> list[TranscriptWarning]:
    try:
        wav = read_wav(path, tag_bytes)
    except NoSamples:
        message = "the recording is empty: it has the header of a WAV file and no samples"
        raise AudioError("audio_empty", message) from None
    missing = find_missing_end(path, tag_bytes) if wav is None else _missing_samples(wav)
    if missing is not None and require_complete:
        raise AudioError("audio_truncated", f"the recording is cut short: {missing}")
    if wav is not None:
        repair_wav(path, wav)
    return [] if missing is None else [TranscriptWarning(code="audio_truncated", message=missing)]


def _missing_samples(wav: Wav) -> str | None:
    if wav.missing_bytes == 0:
        return None
    promised = wav.data_bytes + wav.missing_bytes
    return f"this wav promises {promised} bytes of samples, the file has {wav.data_bytes}"


def not_audio(head: bytes) -> str | None:
    """What it is instead of a recording; None if it may be one."""
    if PLAYLIST.search(head.split(b"\0", 1)[0]):
        return "a playlist, which only names other files"
    for beginning, what in NOT_AUDIO:
        if head.startswith(beginning):
            return what
    return _as_text(head)


def _as_text(head: bytes) -> str | None:
    """None unless it is text, or a document made of it. A recording has bytes that no text has."""
    if not head:
        return None
    encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(head[:2], "utf-8")
    text = head.decode(encoding, errors="replace").rstrip("\ufffd")
    controls = [char for char in text if (char < " " or "\x7f" <= char < "\xa0") and char not in "\t\n\v\f\r\x1b\x85"]
    # A few letters of Latin-1 don't make it a recording; a control character does.
    if controls or text.count("\ufffd") > len(text) / 10:
        return None
    return "a document (HTML, XML or JSON)" if re.match(r"\s*[<{\[]", text.lstrip("\ufeff")) else "a text file"


def _tag_bytes(file: BinaryIO) -> int:
    """ID3 tags may be repeated: a length of four bytes of seven bits each, without the header of ten bytes."""
    offset = 0
    for _ in range(TAGS_MAX):
        file.seek(offset)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            break
        offset += 10 + sum((head[6 + place] & 0x7F) << (7 * (3 - place)) for place in range(4))
    return offset
