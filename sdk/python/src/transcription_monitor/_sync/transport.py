# Generated from ../_async/transport.py by scripts/generate_sync.py. Edit that file instead.
"""Sends calls and retries them; `_call.py` defines what is sent and when it is retried."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from .. import _call
from .._call import Call, ModelT
from .._sync_runtime import sleep
from ..errors import ApiError


class Transport:
    def __init__(
        self,
        *,
        base_url: str,
        api_key: str | None,
        timeout: float | None,
        retries: int,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self.base_url = base_url
        self.headers: dict[str, str] = _call.headers_of(api_key)
        #: Whether the caller replaced the network: then no WebSocket is available.
        self.replaced: bool = transport is not None
        self.timeout = timeout
        self.retries = retries
        self._root = _call.root_of(base_url)
        self._warned: set[str] = set()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        self._client = httpx.Client(headers=self.headers, transport=transport, limits=limits)

    def close(self) -> None:
        self._client.close()

    def model(self, model: type[ModelT], call: Call) -> ModelT:
        return _call.decode(model, self.answer(call))

    def json(self, call: Call) -> Any:
        return _call.decode_json(self.answer(call))

    def answer(self, call: Call) -> httpx.Response:
        """The response, read to its end. Raises the exceptions in errors.py."""
        return self._retrying(call, leave_open=False)

    @contextmanager
    def open(self, call: Call) -> Iterator[httpx.Response]:
        """The response with its body unread."""
        response = self._retrying(call, leave_open=True)
        try:
            yield response
        finally:
            response.close()

    def _retrying(self, call: Call, *, leave_open: bool) -> httpx.Response:
        key = call.idempotency_key()
        retries = call.options.get("retries", self.retries)
        attempt = 0
        while True:
            try:
                return self._once(call, key, leave_open)
            except ApiError as error:
                delay = _call.delay_before_retry(error, attempt, random.random) if attempt < retries else None
                if delay is None:
                    raise
            sleep(delay)
            attempt += 1

    def _once(self, call: Call, key: str | None, leave_open: bool) -> httpx.Response:
        request = self._client.build_request(
            call.method,
            self._root + call.url(),
            content=call.sendable(),
            headers=call.headers_with(key),
            timeout=call.timeout_seconds(self.timeout),
        )
        try:
            response = self._client.send(request, stream=True)
            _call.warn_once(response.headers, self._warned)
            if leave_open and response.status_code < 300:
                return response
            try:
                response.read()
            finally:
                response.close()
        except httpx.RequestError as error:
            raise _call.no_answer(error, self.base_url) from error
        _call.check(response.status_code, response.text, response.headers)
        return response
