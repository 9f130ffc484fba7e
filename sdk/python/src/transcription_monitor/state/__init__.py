"""The state of jobs without the monitor: from its cache in Redis and from its store."""

from .objects import DirectoryClient, S3Client
from .state_api import StateAPI

__all__ = ["DirectoryClient", "S3Client", "StateAPI"]
