"""Repairs the header of a WAV file in the worker's own copy.

Recorders write sizes that are wrong: they died before they corrected the header, wrote to a pipe, or passed 4 GB. The
sizes are rewritten from the file's own, after looking whether real chunks follow the samples.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import BinaryIO, NamedTuple

TAIL_BYTES = 16 * 1024 * 1024
TAILS_MAX = 10_000
FILL_BYTES_MAX = 4096
CHUNKS_MAX = 1000
HEADER_BYTES = 44
UNKNOWN = 0xFFFFFFFF

#: Of what programs write before and after the samples.
KNOWN_CHUNKS = (
    b"fmt data fact LIST list id3_ ID3_ bext cue_ iXML JUNK junk PAD_ FLLR smpl inst plst acid axml chna _PMX afsp DISP"
    b" umid minf elm1 regn SNDM PEAK strc levl cart ds64 slnt wavl note labl ltxt aXML tlst r64m MEXT"
)
NAMES = {
    b"fmt": b"fmt ",
    b"id3_": b"id3 ",
    b"ID3_": b"ID3 ",
    b"cue_": b"cue ",
    b"PAD_": b"PAD ",
}
CHUNKS = [NAMES.get(name, name) for name in KNOWN_CHUNKS.split()]
A_CHUNK = re.compile(b"|".join(re.escape(name) for name in CHUNKS))


class Wav(NamedTuple):
    fmt: bytes
    data_offset: int
    #: The bytes of samples that the file has, and those that its header promises beyond them.
    data_bytes: int
    missing_bytes: int
    promised: int
    ds64_offset: int | None
    #: Readers don't find the samples: the file begins with an ID3 tag, or a chunk is not where it has to be.
    misplaced: bool


class NoSamples(Exception):
    """There is a header, and nothing after it."""


def read_wav(path: Path, riff_offset: int = 0) -> Wav | None:
    """None if it is not a WAV file, or can't be understood. Raises NoSamples."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = _at(file, riff_offset, 12)
        if head[:4] not in (b"RIFF", b"RF64", b"BW64"):
            return None
        if len(head) < 12:
            raise NoSamples
        if head[8:] != b"WAVE":
            return None
        fmt: bytes | None = None
        ds64_offset: int | None = None
        misplaced = riff_offset > 0
        offset = riff_offset + 12
        for _ in range(CHUNKS_MAX):
            chunk = _at(file, offset, 8)
            if len(chunk) < 8:
                if fmt is not None or size - riff_offset < HEADER_BYTES:
                    raise NoSamples
                return None
            name, length, body = chunk[:4], int.from_bytes(chunk[4:], "little"), offset + 8
            if name == b"ds64":
                ds64_offset = body
            if name == b"fmt ":
                fmt = _at(file, body, min(length, 64))
            if name == b"data":
                if fmt is None or len(fmt) < 16:
                    return None
                promised = length
                if length == UNKNOWN and ds64_offset is not None:
                    promised = int.from_bytes(_at(file, ds64_offset + 8, 8), "little")
                data_bytes, missing = _find_samples(file, size, body, promised, _sample_bytes(fmt))
                if data_bytes == 0:
                    raise NoSamples
                return Wav(fmt, body, data_bytes, missing, promised, ds64_offset, misplaced)
            offset = _next_chunk(file, body, length)
            misplaced = misplaced or offset % 2 != riff_offset % 2
    return None


def repair_wav(path: Path, wav: Wav) -> None:
    """Changes the file, which must be the caller's own."""
    if wav.misplaced:
        _copy(path, wav)
    elif wav.promised != wav.data_bytes:
        end = wav.data_offset + wav.data_bytes
        with path.open("r+b") as file:
            file.truncate(end)
            if wav.ds64_offset is None:
                _put(file, 0, b"RIFF" + _u32(end - 8))
                _put(file, wav.data_offset - 4, _u32(wav.data_bytes))
            else:
                _put(file, wav.ds64_offset, (end - 8).to_bytes(8, "little") + wav.data_bytes.to_bytes(8, "little"))
                _put(file, 4, _u32(UNKNOWN))
                _put(file, wav.data_offset - 4, _u32(UNKNOWN))


def _copy(path: Path, wav: Wav) -> None:
    fmt = b"fmt " + _u32(len(wav.fmt)) + wav.fmt + b"\0" * (len(wav.fmt) % 2)
    riff_bytes = 4 + len(fmt) + 8 + wav.data_bytes
    target = path.with_name(path.name + ".repaired")
    with path.open("rb") as source, target.open("wb") as file:
        file.write(b"RIFF" + _u32(riff_bytes) + b"WAVE" + fmt + b"data" + _u32(wav.data_bytes))
        source.seek(wav.data_offset)
        shutil.copyfileobj(source, file)
        file.truncate(8 + riff_bytes)
    target.replace(path)


def _sample_bytes(fmt: bytes) -> int:
    """The bytes of one moment of sound; 1 for codecs, whose last block may be short."""
    tag = int.from_bytes(fmt[:2], "little")
    if tag == 0xFFFE and len(fmt) >= 26:
        tag = int.from_bytes(fmt[24:26], "little")
    if tag not in (1, 3, 6, 7):
        return 1
    return max(1, -(-int.from_bytes(fmt[14:16], "little") // 8) * int.from_bytes(fmt[2:4], "little"))


def _find_samples(file: BinaryIO, size: int, offset: int, promised: int, sample: int) -> tuple[int, int]:
    """The bytes of samples that are there, and those that are missing."""
    end = offset + promised
    ends_there = promised > 0 and (size - end < max(2, sample) or _is_fill(file, end, size))
    if end <= size and (ends_there or _is_tail(file, end, size)):
        return promised - promised % sample, 0
    # After a byte of padding, which may as well be the last of a sample.
    if promised % 2 == 1 and end < size and _is_tail(file, end + 1, size):
        return (promised + 1 - (promised + 1) % sample if sample > 1 else promised), 0
    present = max(0, _find_tail(file, offset, size) - offset)
    missing = 0 if _is_placeholder(promised) else max(0, promised - present)
    return present - present % sample, 0 if missing <= max(2, sample) else missing


def _is_placeholder(promised: int) -> bool:
    """What writers put where they don't know the size yet, less the length of a header."""
    return any(limit - 0x10000 < promised <= limit for limit in (0x7FFFFFFF, 0x80000000, UNKNOWN))


def _is_fill(file: BinaryIO, start: int, size: int) -> bool:
    """Zeros with which a disk, a recorder or an upload fills its last block. More of them may be silence."""
    return 0 <= size - start <= FILL_BYTES_MAX and not any(_at(file, start, size - start))


def _is_tail(file: BinaryIO, offset: int, size: int) -> bool:
    """Whether real chunks, one after the other, extend from there to the end of the file."""
    for _ in range(CHUNKS_MAX):
        chunk = _at(file, offset, 8)
        if size - offset == 128 and chunk[:3] == b"TAG":
            return True
        if len(chunk) < 8 or not all(0x20 <= byte < 0x7F for byte in chunk[:4]):
            return False
        length = int.from_bytes(chunk[4:], "little")
        end = offset + 8 + length
        if end == size or (length % 2 == 1 and end + 1 == size):
            return True
        if end > size:
            return False
        offset = _next_chunk(file, offset + 8, length)
    return False


def _find_tail(file: BinaryIO, offset: int, size: int) -> int:
    """Where the chunks after the samples begin, or the end of the file."""
    start = max(min(offset, size), size - TAIL_BYTES)
    tail = _at(file, start, size - start)
    for count, found in enumerate(A_CHUNK.finditer(tail)):
        if count == TAILS_MAX:
            break
        if _is_tail(file, start + found.start(), size):
            return start + found.start()
    return size - 128 if tail[-128:-125] == b"TAG" else size


def _next_chunk(file: BinaryIO, body: int, length: int) -> int:
    """Chunks are padded to even lengths, except by some writers."""
    end = body + length
    if length % 2 == 0:
        return end
    ahead = _at(file, end, 5)
    return end if ahead[:4] in CHUNKS and ahead[1:] not in CHUNKS else end + 1


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _put(file: BinaryIO, offset: int, content: bytes) -> None:
    file.seek(offset)
    file.write(content)


def _u32(value: int) -> bytes:
    """A size that doesn't fit is written as unknown: readers then read to the end of the file."""
    return min(value, UNKNOWN).to_bytes(4, "little")
