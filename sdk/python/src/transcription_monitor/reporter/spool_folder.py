"""Where spools are: a folder that only this user can read and write."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def spool_folder(chosen: str | os.PathLike[str] | bool | None) -> Path | None:
    """None: none is wanted. Raises OSError if none can be used. `TMON_SPOOL`: a folder, or `off`."""
    wanted = os.environ.get("TMON_SPOOL") if chosen is None or chosen is True else chosen
    if wanted is False or wanted == "off":
        return None
    if wanted:
        return Path(str(wanted)).absolute()
    for candidate in (_state_folder, _temporary_folder):
        try:
            return _made(candidate())
        except (OSError, RuntimeError):  # RuntimeError: there is no home folder
            continue
    raise OSError("no folder can be used; set TMON_SPOOL to one, or to off")


def _state_folder() -> Path:
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    state = state if state.is_absolute() else Path.home() / ".local" / "state"
    return state / "transcription-monitor" / "spool"


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"transcription-monitor-spool-{_user() or 0}"


def _made(folder: Path) -> Path:
    """Raises unless only we can write there: others could read events or remove them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != (_user() if _user() is not None else found.st_uid) or found.st_mode & 0o022:
        raise OSError(f"{folder} belongs to others")
    return folder


def _user() -> int | None:
    return os.getuid() if hasattr(os, "getuid") else None
