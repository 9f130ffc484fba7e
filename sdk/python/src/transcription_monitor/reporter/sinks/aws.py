"""Shared by the AWS sinks: clients with limits, and errors with hints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..errors import Away
from ..sink import load_driver

CONNECT_SECONDS = 3
ANSWER_SECONDS = 15

_MISSING = {
    "NoSuchBucket",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "ResourceNotFoundException",
    "404",
}
_BAD_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "IncompleteSignature",
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "Forbidden", "AllAccessDisabled", "403"}


@dataclass(frozen=True)
class AwsThing:
    #: `bucket status-bucket`
    what: str
    #: The command that creates it.
    make: str
    #: The permission that the worker's role needs: `s3:PutObject`.
    allow: str


def client_opener(service: str) -> Callable[[], Any]:
    """Returns a function that opens a client. Region, endpoint and credentials come from the environment, profiles or
    the machine's role, as for every AWS tool; the default region is us-east-1. Raises ReporterError without boto3.
    """
    boto3 = load_driver("boto3", extra="aws")
    config = load_driver("botocore.config", extra="aws")

    def opened() -> Any:
        # A session of its own, because the default one is not thread-safe.
        session = boto3.session.Session()
        limits = config.Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"total_max_attempts": 2, "mode": "standard"},
        )
        return session.client(service, region_name=session.region_name or "us-east-1", config=limits)

    return opened


def code_of(error: Exception) -> str:
    """The error's code, as AWS names it; empty if AWS did not respond."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


@contextmanager
def meaning(thing: AwsThing) -> Iterator[None]:
    """Turns AWS errors into Away, with the command that fixes them."""
    try:
        yield
    except Away:
        raise
    except Exception as error:
        raise _away(error, thing) from error


def _away(error: Exception, thing: AwsThing) -> Away:
    code, words = code_of(error), str(error)
    if code in _MISSING:
        return Away(f"{thing.what} does not exist", hint=thing.make)
    if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"):
        hint = "aws configure (or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)"
        return Away(f"no AWS credentials found: {words}", hint=hint)
    if code in _BAD_CREDENTIALS:
        hint = "aws sts get-caller-identity shows the identity in use; aws configure changes it"
        return Away(f"AWS does not accept these credentials: {words}", hint=hint)
    if code in _DENIED:
        return Away(f"access to {thing.what} is denied", hint=f"allow {thing.allow} on it")
    return Away(f"{thing.what}: {words}")
