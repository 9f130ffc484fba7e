# Generated from ../_async/transport.py by scripts/generate_sync.py. Edit that file instead.
"""Sends calls and retries them; `_call.py` defines what is sent and when it is retried."""

from __future__ import annotations

import random
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import httpx

from .. import _call
from .._address import address_of, proxy_of
from .._call import Call, ModelT, Payload
from .._sync_runtime import close_at_exit, close_with_loop, current_loop, in_pieces, sleep
from ..errors import ApiError

if TYPE_CHECKING:
    from .feed_connection import FeedConnection


class Transport:
    def __init__(
        self,
        *,
        base_url: str,
        api_key: str | None,
        timeout: float | None,
        retries: int,
        transport: httpx.BaseTransport | None,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | str | bool = True,
    ) -> None:
        address = address_of(base_url)
        #: Without credentials, so that no message shows them.
        self.base_url: str = address.base_url
        self.headers: dict[str, str] = _call.headers_of(api_key, address.authorization, headers)
        #: Whether the caller replaced the network: then no WebSocket is available.
        self.replaced: bool = transport is not None
        self.proxy = None if self.replaced else proxy_of(self.base_url)
        self.ssl_context: ssl.SSLContext | None = _call.context_of(verify)
        self.timeout = timeout
        self.retries = retries
        self.closed = False
        #: The feeds that are open; closing the client ends them.
        self.feeds: dict[FeedConnection, None] = {}
        self._root = f"{self.base_url}/api/v1"
        self._warned: set[str] = set()
        self._compresses = True
        self._given = transport
        # Connections belong to their event loop, and a program may run one after the other. With what closes them.
        self._clients: WeakKeyDictionary[Any, tuple[httpx.Client, Any]] = WeakKeyDictionary()
        close_at_exit(self)

    def close(self) -> None:
        self.closed = True
        self.close_feeds()
        client, _ = self._clients.pop(current_loop(), (None, None))
        if client is not None:
            client.close()

    def close_feeds(self) -> None:
        for feed in list(self.feeds):
            feed.close()

    def model(self, model: type[ModelT], call: Call) -> ModelT:
        return _call.decode(model, self.answer(call))

    def text(self, call: Call) -> str:
        return _call.text_of(self.answer(call))

    def answer(self, call: Call) -> httpx.Response:
        """The response, read to its end. Raises the exceptions in errors.py."""
        return self._retrying(call, leave_open=False)

    @contextmanager
    def open(self, call: Call) -> Iterator[httpx.Response]:
        """The response with its body unread."""
        response = self._retrying(call, leave_open=True)
        try:
            _call.refuse_page(response, "")
            yield response
        finally:
            response.close()

    def _retrying(self, call: Call, *, leave_open: bool) -> httpx.Response:
        key = call.idempotency_key()
        retries = call.options.get("retries", self.retries)
        payload = call.payload(compressed=self._compresses)
        attempt = 0
        while True:
            try:
                return self._redirected(call, payload, key, leave_open)
            except ApiError as error:
                if payload.compressed and _call.needs_plain(error):
                    self._compresses = False
                    payload = call.payload(compressed=False)
                    continue
                delay = _call.delay_before_retry(error, attempt, random.random) if attempt < retries else None
                if delay is None:
                    raise
            sleep(delay)
            attempt += 1

    def _redirected(self, call: Call, payload: Payload, key: str | None, leave_open: bool) -> httpx.Response:
        url: str | None = self._root + call.url()
        for _ in range(_call.REDIRECTS_MAX + 1):
            assert url is not None
            response = self._once(call, url, payload, key, leave_open)
            url = _call.redirected_to(response)
            if url is None:
                break
        _call.check(response)
        return response

    def _once(self, call: Call, url: str, payload: Payload, key: str | None, leave_open: bool) -> httpx.Response:
        if self.closed:
            raise _call.closed_error()
        silence_seconds = call.timeout_seconds(self.timeout)
        client = self._client()
        request = client.build_request(
            call.method,
            url,
            content=payload.open(in_pieces),
            headers=payload.headers_with(key),
            timeout=payload.timeouts(silence_seconds),
        )
        try:
            response = client.send(request, stream=True)
            # The request has arrived: from here on, silence is silence.
            request.extensions["timeout"]["read"] = silence_seconds
            _call.warn_once(response.headers, self._warned)
            if leave_open and response.status_code < 300:
                return response
            try:
                return _call.read_response(response, self._read(response))
            finally:
                response.close()
        except httpx.RequestError as error:
            raise _call.no_answer(error, self.base_url, self.proxy) from error
        except RuntimeError:
            if self.closed:  # by another thread, just now
                raise _call.closed_error() from None
            raise

    def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        try:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _call.RESPONSE_BYTES_MAX:
                    why = f"more than {_call.RESPONSE_BYTES_MAX} bytes"
                    raise _call.unexpected(response, why, body[:1000].decode("utf-8", "replace"))
        except httpx.DecodingError as error:
            raise _call.unexpected(response, "can't be decompressed", "") from error
        return bytes(body)

    def _client(self) -> httpx.Client:
        loop = current_loop()
        known = self._clients.get(loop)
        if known is not None:
            return known[0]
        client = httpx.Client(
            headers=self.headers,
            transport=self._given,
            verify=self.ssl_context or (self._given is None and httpx.create_ssl_context()),
            proxy=self.proxy.url if self.proxy else None,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        # Another thread may have been faster.
        return self._clients.setdefault(loop, (client, close_with_loop(client)))[0]
