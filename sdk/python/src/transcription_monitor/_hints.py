"""What helps when something else than the monitor responds, or nothing does."""

from __future__ import annotations

import re
import socket
import ssl
from urllib.parse import urljoin, urlsplit, urlunsplit

#: A proxy's words for a server behind it that does not respond; 520 to 530 are Cloudflare's.
BEHIND_STATUSES = frozenset({502, 503, 504, 520, 521, 522, 523, 524, 530})

_SIZE = (
    "A proxy on the way limits the size of bodies: raise client_max_body_size (nginx), LimitRequestBody (Apache), "
    "request_body max_size (Caddy), or what it calls it."
)
_SIGN_IN = (
    "A sign-in page, or a proxy that wants credentials: give them as http://user:password@host or with `headers`, or "
    "let it pass requests to the monitor's API."
)
_BEHIND = "A proxy on the way does not reach the monitor: is the monitor running, and does the proxy have its address?"
NOT_RUNNING = "Is the monitor running at that address? `tmon serve` starts one."
_OTHER = "A proxy on the way or another program responded: check the address and each proxy."


def is_html(body: str) -> bool:
    return body.lstrip()[:200].lower().startswith(("<!doctype html", "<html"))


def excerpt_of(body: str) -> str:
    """The first line of a text, or of what a page shows, up to 200 characters."""
    if is_html(body):
        body = re.sub(r"(?is)<(script|style)\b.*?</\1>|<!--.*?-->|<[^>]*>", "\n", body[:20_000])
    lines = (" ".join(line.split()) for line in body[:20_000].splitlines())
    return "".join(letter for letter in next(filter(None, lines), "")[:200] if letter.isprintable())


def hint_of_response(status: int, body: str, url: str, location: str | None) -> str:
    """What to do about a response that is not the monitor's."""
    if 300 <= status < 400 and location is not None:
        return _hint_of_redirect(url, location)
    if status == 413:
        return _SIZE
    if status == 407:
        return "The proxy wants credentials: put them into its address, http://user:password@proxy:port."
    if status == 400 and re.search(r"HTTPS (port|server)", body):
        return "It speaks TLS there: use https:// in the address."
    if status in (401, 403, 511) or (status < 300 and is_html(body)):
        return _SIGN_IN
    if status == 404:
        return "Is this the monitor's address, with the prefix that a proxy gives it?"
    if status in BEHIND_STATUSES:
        return _BEHIND
    if status < 300:
        return "Is this the address of a monitor, and is its version close to this package's?"
    return _OTHER


def _hint_of_redirect(url: str, location: str) -> str:
    target = without_query(urljoin(url, location))
    here, there = urlsplit(url), urlsplit(target)
    before, found, path = here.path.partition("/api/v1")
    if target == url:
        return "It redirects to itself without end: check the proxy's redirect."
    if found and there.path.endswith(found + path):
        prefix = there.path.removesuffix(found + path)
        return f"It redirects: use {there.scheme}://{there.netloc}{prefix} as the address."
    if there.hostname == here.hostname and there.path in ("", "/", before):
        return f"It redirects: use {target} as the address."
    return f"It redirects to {target}. If that is the monitor, use it as the address; if it asks to sign in, {_SIGN_IN}"


def without_query(url: str) -> str:
    """A URL for messages: without password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def hint_of_silence(reason: BaseException) -> str:
    """What to do about an address that can't be connected to."""
    for error in causes_of(reason):
        if isinstance(error, ssl.SSLCertVerificationError):
            return "For a certificate of your own authority, pass its file as `verify`, or set SSL_CERT_FILE."
        if isinstance(error, ssl.SSLError):
            if "WRONG_VERSION_NUMBER" in str(error) or "record layer failure" in str(error):
                return "It does not speak TLS at that address: use http://, or the port that does."
            return "The TLS connection failed: check the certificates, and each proxy on the way."
        if isinstance(error, socket.gaierror):
            return "This machine's DNS does not know that name: check the address."
    return NOT_RUNNING


def causes_of(error: BaseException) -> list[BaseException]:
    """An error and what it wraps: HTTP libraries wrap those of the operating system more than once."""
    found: list[BaseException] = []
    seen: BaseException | None = error
    while seen is not None and len(found) < 8:
        found.append(seen)
        seen = seen.__cause__ or seen.__context__
    return found
