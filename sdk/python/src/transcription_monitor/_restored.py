"""Errors that can be pickled, whatever their constructors take: process pools send errors as pickles."""

from __future__ import annotations

from typing import Any


class Restored(Exception):
    """An exception that is unpickled from its state, without a call of its constructor."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[Exception], args: tuple[Any, ...], state: dict[str, Any]) -> Exception:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error
