"""Reads objects of the monitor's store: `s3://bucket/prefix` by boto3, `dir:PATH` from a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

from ..errors import ApiError

CONNECT_SECONDS = 3
ANSWER_SECONDS = 15

HINT = "Use store='s3://bucket/prefix' or store='dir:PATH', as in `tmon serve --store`, or bucket='…'."


class ObjectClient(Protocol):
    #: The store's URL, for messages.
    url: str

    def get_object(self, key: str) -> bytes | None:
        """None if there is no such object. Raises ApiError `store_unavailable`."""


class S3Client:
    """`client` is boto3's; by default one with the settings of the environment, as for every AWS tool."""

    def __init__(self, bucket: str, prefix: str = "", client: Any = None) -> None:
        self.bucket = bucket
        self.prefix: str = prefix.strip("/")
        self.url: str = f"s3://{bucket}/{self.prefix}".rstrip("/")
        self.client: Any = client if client is not None else _new_client()

    def get_object(self, key: str) -> bytes | None:
        path = f"{self.prefix}/{key}".lstrip("/")
        try:
            body = self.client.get_object(Bucket=self.bucket, Key=path)["Body"].read()
        except Exception as error:
            if _code_of(error) == "NoSuchKey":
                return None
            raise _unavailable(f"{self.url}/{key}", error) from error
        return bytes(body)


class DirectoryClient:
    def __init__(self, path: str) -> None:
        self.path: Path = Path(path)
        self.url: str = f"dir:{path}"

    def get_object(self, key: str) -> bytes | None:
        try:
            return (self.path / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if self.path.is_dir():
                return None
            raise ApiError(f"{self.url} is not a folder", code="store_unavailable", hint=HINT) from None
        except OSError as error:
            raise _unavailable(f"{self.url}/{key}", error) from error


def open_store(url: str, client: Any = None) -> ObjectClient:
    """Raises ApiError `bad_store_url`."""
    if found := re.fullmatch(r"s3://([^/?#]+)/?([^?#]*)", url):
        return S3Client(found[1], found[2], client)
    if found := re.fullmatch(r"dir:(?://(?=/))?(.+)", url):
        return DirectoryClient(found[1])
    raise ApiError(f"the store is {url!r}", code="bad_store_url", hint=HINT)


def _new_client() -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        hint = "pip install 'transcription-monitor[s3]'"
        raise ApiError("reading S3 requires boto3", code="missing_package", hint=hint) from error
    # A session of its own, because the default one is not thread-safe.
    session = boto3.session.Session()
    limits = Config(connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS)
    return session.client("s3", region_name=session.region_name or "us-east-1", config=limits)


def _code_of(error: Exception) -> str:
    """As S3 names it; empty if S3 did not respond."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _unavailable(where: str, error: Exception) -> ApiError:
    hint = None
    if _code_of(error) in ("AccessDenied", "403"):
        hint = "Allow s3:GetObject, and s3:ListBucket: without it S3 says so of every object that is not there."
    return ApiError(f"{where} can't be read: {error}", code="store_unavailable", hint=hint)
