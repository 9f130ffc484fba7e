"""Removes secrets from a line of the engine's output before it leaves the machine, as `tmon worker` does: query strings
and passwords in URLs, bearer tokens, and the values of environment variables that are named like secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|SIGNATURE", re.IGNORECASE)
#: A shorter value may be an ordinary word.
SECRET_CHARACTERS_MIN = 8
REDACTED = "[redacted]"
_RULES = (
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE), rf"\1{REDACTED}@"),
    (re.compile(r"""(\b[a-z][a-z0-9+.-]*://[^\s?"'<>]*\?)[^\s"'<>]+""", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {REDACTED}"),
)


def redactor_of(environment: Mapping[str, str]) -> Callable[[str], str]:
    named = (value for name, value in environment.items() if _SECRET_NAME.search(name))
    # A secret may contain another one.
    secrets = sorted((value for value in named if len(value) >= SECRET_CHARACTERS_MIN), key=len, reverse=True)

    def redact(line: str) -> str:
        for secret in secrets:
            line = line.replace(secret, REDACTED)
        for pattern, replacement in _RULES:
            line = pattern.sub(replacement, line)
        return line

    return redact
