"""Reports what a worker does to the system that a URL names: `Reporter`, and its URLs (`urls.py`)."""

from .errors import ReporterError
from .reporter import Reporter

__all__ = ["Reporter", "ReporterError"]
