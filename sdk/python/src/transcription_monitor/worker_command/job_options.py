"""The options with which a job is transcribed here: its own, then the defaults of the worker."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from ..worker.errors import JobFailed

#: What the engine knows.
KNOWN = ("language", "task", "prompt", "word_timestamps", "temperature", "engine_options", "hotwords", "vad")
_HINT = "submit the job without it, or to workers that have it"
_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$")
_TYPED = re.compile(r"^(true|false|-?\d+(\.\d+)?)$")
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "language": (lambda value: isinstance(value, str) and bool(_LANGUAGE.match(value)), "a code like de"),
    "task": (lambda value: value in ("transcribe", "translate"), "transcribe or translate"),
    "prompt": (lambda value: isinstance(value, str) and len(value) <= 4096, "a text of at most 4096 characters"),
    "hotwords": (lambda value: isinstance(value, str) and len(value) <= 4096, "a text of at most 4096 characters"),
    "word_timestamps": (lambda value: isinstance(value, bool), "true or false"),
    "vad": (lambda value: isinstance(value, bool), "true or false"),
    "temperature": (lambda value: type(value) in (int, float) and 0 <= value <= 1, "a number from 0 to 1"),
}


def options_of(given: Mapping[str, Any] | None, defaults: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Without `model`. Raises JobFailed `option_not_supported`, which names the option."""
    options = {**defaults, **(given or {})}
    wanted = options.pop("model", None)
    if wanted not in (None, model):
        raise _not_supported(f"this worker has the model {model}, not {wanted}")
    for name in options:
        if name not in KNOWN:
            known = ", ".join(KNOWN)
            raise _not_supported(f"the engine faster-whisper does not support the option {name}: it knows {known}")
    return options


def read_defaults(text: str) -> dict[str, Any]:
    """`language=de&word_timestamps=true`. Raises ValueError, for people."""
    options = {name: _typed(value) for name, value in parse_qsl(text, keep_blank_values=True)}
    if text and not options:
        raise ValueError(f"{text!r} is no option of jobs; write language=de&word_timestamps=true")
    for name, value in options.items():
        if name not in _RULES:
            raise ValueError(f"{name} is no option that can be set here; these can: {', '.join(_RULES)}")
        holds, meaning = _RULES[name]
        if not holds(value):
            raise ValueError(f"{name} must be {meaning}")
    return options


def _typed(text: str) -> Any:
    return json.loads(text) if _TYPED.match(text) else text


def _not_supported(message: str) -> JobFailed:
    return JobFailed(f"{message}; {_HINT}", code="option_not_supported", retryable=False)
