"""The worker's heartbeat, on a thread independent of the transcriber: sends health and leases, receives commands and
lost leases.

It beats every quarter of a lease, but at least every BEAT_SECONDS_MAX, so that three heartbeats may be lost before a
lease expires. The length of a lease is taken from the first one, in the monitor's own times, because clocks may differ.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Mapping

from .._sync.client import TranscriptionAPI
from ..errors import ApiError
from ..models import ClaimedJob, WorkerCommand
from .errors import LeaseLost
from .health import HealthReader
from .held_job import HeldJob
from .timed_get import timed_get
from .until_answered import is_away, log, what_is_away

BEAT_SECONDS_MAX = 10.0
BEAT_SECONDS_MIN = 0.1
TIMEOUT_SECONDS_MIN = 2.0


class Heartbeat:
    def __init__(
        self,
        *,
        api: TranscriptionAPI,
        worker_id: str,
        read_health: HealthReader,
        held: Mapping[str, HeldJob],
        before_beat: Callable[[], None],
        on_command: Callable[[WorkerCommand, float], None],
        on_refused: Callable[[ApiError], object],
    ) -> None:
        self._api = api
        self._worker_id = worker_id
        self._read_health = read_health
        self._held = held
        self._before_beat = before_beat
        self._on_command = on_command
        self._on_refused = on_refused
        self._beat_seconds = BEAT_SECONDS_MAX
        self._away = False
        # A queue rather than an event: its `put` is safe in a signal handler.
        self._words: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="tmon-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._words.put("stop")

    def hurry(self) -> None:
        """Sends a heartbeat now, because the response probably has a command."""
        self._words.put("hurry")

    def keep(self, claimed: ClaimedJob) -> None:
        """Makes the interval short enough for this lease."""
        assigned = claimed.job.worker.assigned_at if claimed.job.worker else claimed.job.updated_at
        if assigned is None:
            return
        lease_seconds = (claimed.lease.expires_at - assigned).total_seconds()
        if lease_seconds / 4 < self._beat_seconds:
            self._beat_seconds = max(BEAT_SECONDS_MIN, lease_seconds / 4)
            self.hurry()

    def _run(self) -> None:
        while True:
            try:
                self._before_beat()
                self._beat()
            except Exception:
                log.exception("a heartbeat failed")
            try:
                # Slightly early at random, so that a fleet's heartbeats spread out.
                if timed_get(self._words, self._beat_seconds * random.uniform(0.9, 1.0)) == "stop":
                    return
            except queue.Empty:
                pass

    def _beat(self) -> None:
        named = dict(self._held)
        asked_at = time.monotonic()
        try:
            answer = self._api.workers.heartbeat(
                self._worker_id,
                health=self._read_health(),
                leases=list(named),
                retries=0,
                timeout=max(TIMEOUT_SECONDS_MIN, self._beat_seconds),
            )
        except ApiError as error:
            if not is_away(error):
                self._on_refused(error)
            elif not self._away:
                log.warning(what_is_away(error))
            self._away = is_away(error)
            return
        if self._away:
            log.info("the monitor is back")
        self._away = False
        renewed = {lease.token for lease in answer.leases}
        for token, job in named.items():
            if token not in renewed:
                job.stop(LeaseLost)
        for command in answer.commands:
            self._on_command(command, asked_at)
