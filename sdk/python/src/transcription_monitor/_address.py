"""The monitor's address: its credentials, which no message shows, and the proxy of the environment that leads to it."""

from __future__ import annotations

import base64
import importlib.util
import urllib.request
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from ._hints import without_query
from .errors import ApiError


class Proxy(NamedTuple):
    #: `HTTPS_PROXY`.
    variable: str
    url: str

    def __str__(self) -> str:
        return f"{self.variable}={without_query(self.url)}"

    @property
    def is_socks(self) -> bool:
        return self.url.startswith("socks")


class Address(NamedTuple):
    #: Without credentials and a slash at the end.
    base_url: str
    #: `Basic …`, from `http://user:password@host`.
    authorization: str | None


def address_of(base_url: str) -> Address:
    """Raises ApiError `bad_base_url`, which does not show a password."""
    parts = None
    try:
        if isinstance(base_url, str) and httpx.URL(base_url).host:
            parts = urlsplit(base_url)
    except (ValueError, httpx.InvalidURL):
        pass
    if parts is None or parts.scheme.lower() not in ("http", "https"):
        shown = base_url.rpartition("@")[2] if isinstance(base_url, str) else base_url
        hint = "It begins with http:// or https://, for example http://127.0.0.1:8080."
        raise ApiError(f"base_url is {shown!r}", code="bad_base_url", hint=hint)
    credentials, found, host = parts.netloc.rpartition("@")
    bare = urlunsplit((parts.scheme.lower(), host, parts.path.rstrip("/"), parts.query, parts.fragment)).rstrip("/")
    if not found:
        return Address(bare, None)
    user, _, password = credentials.partition(":")
    words = f"{unquote(user)}:{unquote(password)}".encode()
    return Address(bare, "Basic " + base64.b64encode(words).decode())


def proxy_of(base_url: str) -> Proxy | None:
    """The proxy that the environment gives for an address: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, unless `NO_PROXY`.

    Raises ApiError `proxy_unsupported` for SOCKS without the library for it.
    """
    parts = urlsplit(base_url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    proxies = urllib.request.getproxies()
    found = next((name for name in (parts.scheme, "all") if proxies.get(name)), None)
    if found is None:
        return None
    url = proxies[found]
    proxy = Proxy(f"{found.upper()}_PROXY", url if "://" in url else f"http://{url}")
    if proxy.is_socks and importlib.util.find_spec("socksio") is None:
        hint = "pip install 'httpx[socks]', or name the monitor's host in NO_PROXY."
        raise ApiError(f"{proxy} is a SOCKS proxy, which needs a library", code="proxy_unsupported", hint=hint)
    return proxy
