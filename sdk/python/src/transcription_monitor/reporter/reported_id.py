"""Ids for names that are no ids, the same as protocol/reported-id.ts makes wherever it reads such a name.

meeting.mp3 → meeting-mp3-2598440853601137      job-1 → job-1      42 → 42
"""

from __future__ import annotations

import hashlib
import re
import uuid

NAME_UNITS_MAX = 1024
_ID_MAX = 57
_HASH_DIGITS = 16

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
#: What JavaScript's `trim` removes, which is not what `str.strip` does.
_SPACES = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))


def job_name(value: object) -> str | None:
    """The text that names a job; None if the value can't: no text, integer or UUID, blank, or too long."""
    if isinstance(value, (int, uuid.UUID)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or len(value) > NAME_UNITS_MAX:
        return None
    # Halves of a surrogate pair join; a lone one becomes the replacement character. Databases refuse NUL.
    joined = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    name = re.sub("[\ud800-\udfff]", "\ufffd", joined).replace("\0", "")
    too_long = len(name.encode("utf-16-le")) > 2 * NAME_UNITS_MAX
    return None if too_long or not name.strip(_SPACES) else name


def id_of(name: str) -> str:
    """The id that stands for a name of `job_name`."""
    return name if is_id(name) else short_id(name, _ID_MAX)


def short_id(name: str, characters_max: int) -> str:
    readable = re.sub("[^A-Za-z0-9]+", "-", name).removeprefix("-")[: characters_max - 1 - _HASH_DIGITS]
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{readable.removesuffix('-') or 'job'}-{digest}"


def is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
