"""Detects truncated audio files of formats that record their length. Each check reads a bounded part of the file.

    mp4, webm, aiff   the sizes of its boxes, its segment, its form
    mp3               the byte count in a Xing header, which most encoders write
    flac              the number of samples promised, compared with the last frame present
    ogg               whether the last page is complete

As in `tmon worker`; a WAV is examined by wav.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

TOP_BOXES_MAX = 100_000  # a fragmented MP4 has two per fragment
MP3_SLACK_BYTES = 1500  # some encoders count one frame too many; the largest has 1441 bytes
TAIL_BYTES = 128 * 1024  # more than two of the largest frames or pages of any encoder
MPEG = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]")


class Promised(NamedTuple):
    what: str
    #: What the file has to have, and what it has.
    due: int
    has: int


def find_missing_end(path: Path, tag_bytes: int) -> str | None:
    """What is missing, for people; None if nothing is, or if it can't be determined."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        head = _at(file, 0, 12)
        if tag_bytes > 0 or MPEG.match(head):
            container, promised = "mp3", _promised_by_mp3(file, size, tag_bytes)
        else:
            container, promised = "file", None
            for pattern, name, check in CHECKS:
                if pattern.match(head):
                    container, promised = name, check(file, size)
    if promised is None or promised.due <= promised.has:
        return None
    return f"this {container} promises {promised.due} {promised.what}, the file has {promised.has}"


def _promised_by_mp4(file: BinaryIO, size: int) -> Promised | None:
    offset = 0
    for _ in range(TOP_BOXES_MAX):
        if offset >= size:
            break
        head = _at(file, offset, 16)
        if len(head) < 8:
            return _bytes(offset + 8, size)
        length = _number(head[:4])
        if length == 0:
            return None  # the last box runs to the end of the file
        if length == 1 and len(head) == 16:
            length = _number(head[8:])
        if length < 8:
            return None  # broken in another way, which the decoder reports
        offset += length
    return _bytes(offset, size)


def _promised_by_aiff(file: BinaryIO, size: int) -> Promised:
    return _bytes(8 + _number(_at(file, 4, 4)), size)


def _promised_by_webm(file: BinaryIO, size: int) -> Promised | None:
    offset = 0
    for element in (b"\x1aE\xdf\xa3", b"\x18S\x80g"):  # the EBML header, the segment
        head = _at(file, offset, 12)
        if len(head) < 5 or head[:4] != element:
            return None
        # The number of leading zero bits is the number of bytes that follow; all ones means "unknown", as in a live
        # stream.
        extra = 8 - head[4].bit_length()
        if extra > 7 or len(head) < 5 + extra:
            return None
        length = _number(head[4 : 5 + extra]) & ((1 << (7 * (extra + 1))) - 1)
        if length == (1 << (7 * (extra + 1))) - 1:
            return None
        offset += 5 + extra + length
        if offset >= size:
            break
    return _bytes(offset, size)


def _promised_by_mp3(file: BinaryIO, size: int, start: int) -> Promised | None:
    frame = _at(file, start, 256)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or at + 16 > len(frame):
        return None
    flags = _number(frame[at + 4 : at + 8])
    if flags & 2 == 0:
        return None
    field = at + (12 if flags & 1 else 8)
    return _bytes(start + _number(frame[field : field + 4]) - MP3_SLACK_BYTES, size)


def _promised_by_ogg(file: BinaryIO, size: int) -> Promised | None:
    begin = max(0, size - TAIL_BYTES)
    tail = _at(file, begin, TAIL_BYTES)
    page = tail.rfind(b"OggS\0")
    if page < 0:
        return None
    # The header: its last byte is the number of lengths that follow it.
    segments = tail[page + 26] if page + 26 < len(tail) else 1
    end = page + 27 + segments
    if end > len(tail):
        return _bytes(begin + end, size)
    end += sum(tail[page + 27 : end])
    rest = tail[end:]
    cut_within_a_name = rest != b"" and b"OggS".startswith(rest)
    return _bytes(begin + end + (28 if cut_within_a_name else 0), size)


def _promised_by_flac(file: BinaryIO, size: int) -> Promised | None:
    """Compares samples, because FLAC has no byte counts. A cut within the last frame, a tenth of a second, is not
    detected.
    """
    info = _at(file, 8, 34)
    if len(info) < 34:
        return _bytes(42, size)
    block_samples = _number(info[2:4])
    fixed_blocks = _number(info[:2]) == block_samples
    total = _number(info[10:18]) & 0xFFFFFFFFF
    if total == 0:
        return None  # written to a pipe: unknown
    tail = _at(file, max(0, size - TAIL_BYTES), TAIL_BYTES)
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        frame = _flac_frame(tail, at)
        if frame is not None:
            variable, number, samples = frame
            first = number if variable or not fixed_blocks else number * block_samples
            return Promised("samples", total, first + samples)
    return Promised("samples", total, 0)


def _flac_frame(data: bytes, at: int) -> tuple[bool, int, int] | None:
    """Whether its blocks vary, its number, its samples. None unless a complete header with the correct checksum begins
    there; random bytes pass once in some millions.
    """
    if at + 6 > len(data) or data[at + 1] & 0xFE != 0xF8:
        return None
    size_code, rate_code = data[at + 2] >> 4, data[at + 2] & 0x0F
    # The number is encoded like a UTF-8 character, up to 36 bits.
    lead = data[at + 4]
    continued = 0 if lead < 0x80 else max(0, 7 - (lead ^ 0xFF).bit_length())
    number = lead if lead < 0x80 else lead & (0x3F >> continued)
    sizes = at + 5 + continued
    for byte in data[at + 5 : sizes]:
        number = number * 64 + (byte & 0x3F)
    end = sizes + {6: 1, 7: 2}.get(size_code, 0) + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if size_code == 0 or end >= len(data) or _crc8(data[at:end]) != data[end]:
        return None
    return data[at + 1] & 1 == 1, number, _flac_block_samples(data, size_code, sizes)


def _flac_block_samples(data: bytes, code: int, at: int) -> int:
    """The format's table of block sizes."""
    if code == 1:
        return 192
    if code <= 5:
        return 576 << (code - 2)
    if code <= 7:
        return _number(data[at : at + code - 5]) + 1
    return 256 << (code - 8)


def _crc8(data: bytes) -> int:
    """Polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) & 0xFF ^ (0x07 if crc & 0x80 else 0)
    return crc


CHECKS: tuple[tuple[re.Pattern[bytes], str, Callable[[BinaryIO, int], Promised | None]], ...] = (
    (re.compile(rb"....(ftyp|moov|mdat|wide|free)", re.DOTALL), "mp4", _promised_by_mp4),
    (re.compile(rb"\x1aE\xdf\xa3"), "webm", _promised_by_webm),
    (re.compile(rb"FORM....AIF", re.DOTALL), "aiff", _promised_by_aiff),
    (re.compile(rb"fLaC"), "flac", _promised_by_flac),
    (re.compile(rb"OggS"), "ogg", _promised_by_ogg),
)


def _bytes(due: int, has: int) -> Promised:
    return Promised("bytes", due, has)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)
