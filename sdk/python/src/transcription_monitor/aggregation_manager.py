"""The documents' `AggregationManager`: the figures of the hour, as the monitor counts them.

The monitor writes each hour's object itself, once the hour is over, so nothing has to be called for that. This class is
for programs that want to read the figures under the documents' names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pydantic import ValidationError

from ._sync.client import TranscriptionAPI
from .errors import ServerFaultError
from .models import MetricsPeriod
from .state.objects import ObjectClient


@dataclass(frozen=True)
class HourlyMetrics:
    #: The hour so far.
    current: MetricsPeriod
    #: Key under which it is stored once it is over.
    key: str
    #: The object of the hour before, which is final; None without a store, or if nothing happened in that hour.
    last: MetricsPeriod | None


class AggregationManager:
    """Figures of the current hour, in UTC; each method is one request.

        manager = AggregationManager(api)
        print(manager.update_hourly_metrics().current.jobs_completed)

    `s3`: reads the monitor's store, as `StateAPI(…).s3`: `S3Client("my-bucket", "tmon")`, `DirectoryClient(path)`.
    """

    def __init__(self, api: TranscriptionAPI, s3: ObjectClient | None = None) -> None:
        self._api = api
        self.s3 = s3

    def update_hourly_metrics(self) -> HourlyMetrics:
        """Raises ServerFaultError `view_damaged` if the last hour's object is no such document."""
        current = self._hour()
        last = self.stored_hour(current.period_start - timedelta(hours=1)) if self.s3 else None
        return HourlyMetrics(current, key_of(current.period_start), last)

    def count_completed_jobs_last_hour(self) -> int:
        """Jobs completed in the hour so far; `throughput_jobs_per_hour` of `api.system.metrics()` has 60 minutes."""
        return self._hour().jobs_completed

    def avg_processing_time(self) -> float | None:
        """Mean seconds of the attempts that completed; None if none did."""
        return self._hour().average_processing_time

    def sum_instance_costs(self) -> float:
        """US dollars: instance seconds by hourly price, of the attempts that ended."""
        return self._hour().cost_total

    def calculate_success_rate(self) -> float | None:
        """completed ÷ (completed + failed); None when both are 0."""
        return self._hour().success_rate

    def stored_hour(self, hour: datetime) -> MetricsPeriod | None:
        """The object of an hour that is over; None if there is none. A time without a zone is taken for UTC."""
        if self.s3 is None:
            raise ValueError("stored_hour needs a store: AggregationManager(api, s3=DirectoryClient(path))")
        key = key_of(hour)
        text = self.s3.get_object(key)
        try:
            return None if text is None else MetricsPeriod.model_validate_json(text)
        except ValidationError as error:
            detail = f"{self.s3.url}/{key} is not the document of an hour"
            hint = f"`tmon rebuild --store {self.s3.url}` writes it again."
            problem = {"status": 500, "code": "view_damaged", "detail": detail, "hint": hint}
            raise ServerFaultError(problem) from error

    def _hour(self) -> MetricsPeriod:
        return self._api.system.metrics().hour


def key_of(hour: datetime) -> str:
    utc = hour.replace(tzinfo=timezone.utc) if hour.tzinfo is None else hour.astimezone(timezone.utc)
    return utc.strftime("metrics/hourly/%Y/%m/%d/%H.json")
