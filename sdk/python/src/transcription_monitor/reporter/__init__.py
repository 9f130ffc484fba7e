"""Tells what a worker does, wherever you want it told: `Reporter`, and the URLs it takes (`urls.py`)."""

from .errors import ReporterError
from .reporter import Reporter

__all__ = ["Reporter", "ReporterError"]
