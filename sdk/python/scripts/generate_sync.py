"""Generates `_sync`, the client without asyncio, from `_async`.

    python scripts/generate_sync.py            writes src/transcription_monitor/_sync
    python scripts/generate_sync.py --check    exits with 1 if `_sync` is out of date

What a word-by-word translation can't cover is in `_async_runtime.py` and `_sync_runtime.py`. ruff, from the same
environment, formats the result.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "transcription_monitor"
NOTICE = "# Generated from ../_async/{name} by scripts/generate_sync.py. Edit that file instead.\n"

WORDS = [
    (r"async def", "def"),
    (r"async with", "with"),
    (r"async for", "for"),
    (r"await ", ""),
    (r"AsyncGenerator\[(.+), None\]", r"Generator[\1, None, None]"),
    (r"AsyncGenerator", "Generator"),
    (r"Async([A-Z]\w*)", r"\1"),
    (r"_async_runtime", "_sync_runtime"),
    (r"asynccontextmanager", "contextmanager"),
    (r"aclosing", "closing"),
    (r"aclose", "close"),
    (r"aread", "read"),
    (r"aiter_bytes", "iter_bytes"),
    (r"__(a)(iter|enter|exit)__", r"__\2__"),
]

#: Texts that a word-by-word translation would get wrong.
TEXTS = {
    "__init__.py": [
        (
            "The client for asyncio; `scripts/generate_sync.py` generates `_sync` from it.",
            "The client without asyncio, generated from `_async` by `scripts/generate_sync.py`.",
        )
    ],
    "client.py": [
        (
            "The monitor's client, for asyncio; `TranscriptionAPI` is the same for programs without it.",
            "The monitor's client; `AsyncTranscriptionAPI` is the same for asyncio. Threads may share one.",
        )
    ],
}


def sync_of(name: str, text: str) -> str:
    for old, new in TEXTS.get(name, []):
        if old not in text:
            raise SystemExit(f"{name} no longer contains: {old}")
        text = text.replace(old, "\0" + str(TEXTS[name].index((old, new))))
    for pattern, word in WORDS:
        text = re.sub(rf"(?<![A-Za-z]){pattern}" if pattern[0] != "_" else pattern, word, text)
    for number, (_, new) in enumerate(TEXTS.get(name, [])):
        text = text.replace(f"\0{number}", new)
    return text if name == "__init__.py" else NOTICE.format(name=name) + text


def set_by_ruff(name: str, text: str) -> str:
    path = str(PACKAGE / "_sync" / name)
    for arguments in (["check", "--fix", "--quiet", "--select", "I"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", path, "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> None:
    made = {
        path.name: set_by_ruff(path.name, sync_of(path.name, path.read_text()))
        for path in (PACKAGE / "_async").glob("*.py")
    }
    there = {path.name: path.read_text() for path in (PACKAGE / "_sync").glob("*.py")}
    wrong = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    if "--check" in sys.argv:
        if wrong:
            raise SystemExit(f"_sync is out of date: {', '.join(wrong)}. Run scripts/generate_sync.py.")
        return
    for name in wrong:
        path = PACKAGE / "_sync" / name
        if name in made:
            path.write_text(made[name])
        else:
            path.unlink()
    print(f"_sync: {', '.join(wrong) or 'nothing'} written")


if __name__ == "__main__":
    main()
