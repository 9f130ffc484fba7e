"""Notices of EC2 that it is about to take this machine away: spot interruptions, two minutes before, and rebalance
recommendations.

A thread asks the instance metadata service (IMDSv2) every five seconds, as AWS recommends. Elsewhere than on EC2 it
asks once, and logs nothing. A failure is logged once and changes nothing. A recommendation that was there when the
worker started is ignored: whoever started it knew.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from .until_answered import log

ENDPOINTS = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}
POLL_SECONDS = 5.0
TIMEOUT_SECONDS = 1.0
TOKEN_SECONDS = 21_600
RENEW_BEFORE_SECONDS = 60
BYTES_MAX = 4096
FAILURES = (OSError, HTTPException, ValueError)


class Notice(NamedTuple):
    reason: str
    #: When the machine ends, in seconds since 1970; None for a recommendation.
    ends_at: float | None


class NoticeWatch:
    """Calls `on_notice`, on its own thread, with each kind of notice once; an interruption is the last."""

    def __init__(self, on_notice: Callable[[Notice], None]) -> None:
        self._on_notice = on_notice
        self._stopping = threading.Event()
        mode = "ipv6" if os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower() == "ipv6" else "ipv4"
        self._endpoint = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or ENDPOINTS[mode]
        # A proxy would return the metadata of its own machine.
        self._opener = build_opener(ProxyHandler({}))
        self._token: tuple[str, float] | None = None

    def start(self) -> None:
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true":
            threading.Thread(target=self._run, name="tmon-notices", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        try:
            self._valid_token()
        except FAILURES:
            return
        first: Notice | str | None = "unknown"
        told: Notice | None = None
        failed = False
        while not self._stopping.is_set():
            try:
                notice = self._read()
            except FAILURES as error:
                if not failed:
                    log.warning("interruption notices cannot be read now: %s", error)
                failed = True
            else:
                if first == "unknown":
                    first = notice
                    if notice and notice.ends_at is None:
                        log.info("%s: ignored, because it was there when the worker started", notice.reason)
                if notice and notice.ends_at is not None:
                    self._tell(notice)
                    return
                if notice and told is None and notice != first:
                    told = notice
                    self._tell(notice)
            self._stopping.wait(POLL_SECONDS)

    def _tell(self, notice: Notice) -> None:
        if not self._stopping.is_set():
            self._on_notice(notice)

    def _read(self) -> Notice | None:
        action = self._get("spot/instance-action")
        if action is not None:
            ends_at = _time_of(action, "time")
            return Notice(f"spot interruption at {_text_of(ends_at)}", ends_at.timestamp())
        recommendation = self._get("events/recommendations/rebalance")
        if recommendation is not None:
            return Notice(f"rebalance recommendation at {_text_of(_time_of(recommendation, 'noticeTime'))}", None)
        return None

    def _get(self, path: str) -> str | None:
        """None if there is none (404)."""
        for last in (False, True):
            headers = {"X-aws-ec2-metadata-token": self._valid_token()}
            try:
                return self._send("GET", f"/latest/meta-data/{path}", headers)
            except HTTPError as error:
                if error.code == 404:
                    return None
                if error.code != 401 or last:
                    raise
                self._token = None
        return None

    def _valid_token(self) -> str:
        now = time.monotonic()
        if self._token is None or now >= self._token[1]:
            headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
            token = self._send("PUT", "/latest/api/token", headers)
            # What stands in for the service elsewhere responds with a page. A token fits into a header.
            if not token or not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError(f"{self._endpoint} returned no token")
            self._token = (token, now + TOKEN_SECONDS - RENEW_BEFORE_SECONDS)
        return self._token[0]

    def _send(self, method: str, path: str, headers: dict[str, str]) -> str:
        request = Request(self._endpoint.rstrip("/") + path, method=method, headers=headers)
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            body: bytes = response.read(BYTES_MAX + 1)
        if len(body) > BYTES_MAX:
            raise ValueError(f"{self._endpoint} returned more than {BYTES_MAX} bytes")
        return body.decode("latin-1")


def _time_of(text: str, name: str) -> datetime:
    try:
        value: Any = json.loads(text)
        time_of = datetime.fromisoformat(value[name].replace("Z", "+00:00"))
    except (ValueError, TypeError, KeyError, AttributeError):
        time_of = None
    if time_of is None or time_of.tzinfo is None:
        raise ValueError(f"the instance metadata service returned a notice that is not understood: {text[:200]}")
    return time_of


def _text_of(time_of: datetime) -> str:
    return time_of.isoformat(timespec="seconds").replace("+00:00", "Z")
