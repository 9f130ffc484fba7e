"""Sends the outbox on a daemon thread, batch by batch, each until it is delivered.

A failed batch is sent again after a delay that doubles, with full jitter, up to BACKOFF_SECONDS_MAX. To a `direct`
sink the caller sends, and the thread only what has failed or is not due yet.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from .errors import Refused
from .event import Event
from .outbox import Outbox
from .sink import Batch, Sink
from .spool import Spool
from .words import Words, log

BACKOFF_SECONDS_MAX = 30.0
BATCH_BYTES_MAX = 240 * 1024


class Sender:
    def __init__(
        self,
        sink: Sink,
        *,
        shown: str,
        buffer_bytes: int,
        progress_seconds: float,
        backoff_seconds: float,
        spool: Callable[[Callable[[Exception], None]], Spool | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._direct: bool = getattr(sink, "direct", False)
        self._shown = shown
        self._backoff_seconds = backoff_seconds
        self._clock = clock
        # Reentrant: a signal handler may report while the interrupted code holds it.
        self._changed = threading.Condition()
        self._outbox = Outbox(bytes_max=buffer_bytes, progress_seconds=progress_seconds, on_drop=self._note_full)
        self._sending: list[tuple[int, Event]] = []
        self._thread: threading.Thread | None = None
        self._hurried = False
        #: When something to send was first seen, since the last batch.
        self._first_at: float | None = None
        #: When to give up; None while open.
        self._end_at: float | None = None
        self._ended = False
        self._left = 0
        self._words = Words(clock)
        self._looked = False
        self._spool = None if spool is None or self._direct else self._opened(spool)

    @property
    def dropped(self) -> int:
        return self._words.dropped

    def put(self, event: Event) -> None:
        with self._changed:
            if self._end_at is None:
                # In a forked child: only one that reports looks.
                self.send_what_was_left()
                self._outbox.put(event, self._clock())
                if self._spool and not event.is_progress:
                    self._spool.keep(event)
                if not self._direct or not self._send_directly():
                    self._start()
                self._changed.notify_all()
                return
        self.drop("after close")

    def send_what_was_left(self) -> None:
        """By ended processes of the same worker; once."""
        with self._changed:
            if not self._looked:
                self._looked = True
                self._adopt()

    def _adopt(self) -> None:
        left = self._spool.adopt() if self._spool else []
        if left:
            self._words.say(f"sends {len(left)} events that an ended process of the worker had left")
            self._outbox.put_late(left, self._clock())
            self._start()
            self._changed.notify_all()

    def _send_directly(self) -> bool:
        """False: the thread has to send the rest."""
        if self._sending:
            return False
        while taken := self._outbox.take(self._clock(), count_max=self._sink.count_max, bytes_max=BATCH_BYTES_MAX):
            self._sending = taken
            try:
                self._note_refused(self._sink.send(Batch([event for _, event in taken], secrets.token_hex(16))))
            except Exception:
                return False
            self._sending = []
        return len(self._outbox) == 0

    def drop(self, why: str) -> None:
        """Counts an event that can't be sent."""
        with self._changed:
            self._words.note_dropped(why)
            if self._end_at is None:
                self._start()
                self._changed.notify_all()
            else:
                self._words.say_dropped()
        if self._end_at is not None:
            self._speak()

    def flush(self, timeout: float) -> bool:
        """Waits until everything put before is sent, for at most so many seconds; returns whether it is."""
        with self._changed:
            self._outbox.release_all(self._clock())
            last = self._outbox.last_number
            self._hurried = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._sent_through(last), timeout)

    def close(self, timeout: float) -> bool:
        """Sends what waits, for at most so many seconds, and stops; returns whether all was sent."""
        with self._changed:
            if self._end_at is None:
                self._adopt()  # what children have left that ended before
                self._end_at = self._clock() + timeout
                self._outbox.release_all(self._clock())
            self._hurried = True
            thread = self._thread
            self._changed.notify_all()
        if thread is None:
            self._run()  # nothing waits, or the program is ending and no thread could be started
        elif thread is not threading.current_thread():
            thread.join(timeout + 0.5)
        with self._changed:
            if not self._ended:
                self._ended = True
                left = [*(event for _, event in self._sending), *self._outbox.clear()]
                self._left = len(left)
                kept = sum(event.place is not None for event in left)
                if kept and self._spool:
                    folder = self._spool.folder
                    self._words.say(f"{kept} events are not sent; the worker's next process sends them, from {folder}")
                if len(left) > kept:
                    self._words.note_dropped("not sent before the end", len(left) - kept)
                if self._spool:
                    self._spool.release()
            self._words.say_dropped(at_once=True)
        self._speak()
        return self._left == 0

    def _start(self) -> None:
        if self._thread is None:
            # Set before it starts, for a signal handler that reports right then.
            self._thread = threading.Thread(target=self._run, name="tmon-reporter", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is shutting down: close() sends
                self._thread = None

    def _run(self) -> None:
        try:
            while self._next():
                self._speak()
                if not self._deliver():
                    break
                with self._changed:
                    self._sending = []
                    self._changed.notify_all()
            self._speak()
        except Exception:
            # An error of ours must not reach the worker; what waits is counted at the end.
            log.exception("%s: the reporter stops", self._shown)
        finally:
            with suppress(Exception):
                self._sink.close()

    def _next(self) -> bool:
        """Waits for a batch, which it takes, or for something to log; False at the end."""
        with self._changed:
            while True:
                now = self._clock()
                self._words.say_dropped()
                if self._end_at is not None and now >= self._end_at:
                    return False
                if self._sending:
                    return True  # not accepted when the caller sent it
                if self._linger(now):
                    continue
                taken = self._outbox.take(now, count_max=self._sink.count_max, bytes_max=BATCH_BYTES_MAX)
                if taken or self._words:
                    self._sending = taken
                    # What is left has already waited for others.
                    self._first_at = None if self._outbox.first_number is None else float("-inf")
                    self._hurried = False
                    return True
                if self._end_at is not None:
                    return False
                waits = [self._outbox.wait_seconds(now), self._words.wait_seconds(now)]
                self._changed.wait(min((wait for wait in waits if wait is not None), default=None))

    def _linger(self, now: float) -> bool:
        """Waits a little, so that events in quick succession are sent together; False: send now."""
        if self._outbox.wait_seconds(now) != 0.0 or self._hurried or self._words or self._end_at is not None:
            return False
        self._first_at = now if self._first_at is None else self._first_at
        left = self._first_at + self._sink.linger_seconds - now
        if left <= 0:
            return False
        self._changed.wait(left)
        return True

    def _deliver(self) -> bool:
        """Sends the current batch until it is delivered; False: out of time, `_sending` is the rest."""
        parts = [[event for _, event in self._sending]] if self._sending else []
        while parts:
            part, key = parts.pop(0), secrets.token_hex(16)
            failures = 0
            while True:
                try:
                    refused = self._sink.send(Batch(part, key))
                    self._settle(part)
                    self._note_refused(refused)
                    break
                except Refused as refused:
                    if len(part) == 1:
                        self._settle(part)
                        self._note_refused([(part[0], str(refused))])
                    else:
                        parts = [[event] for event in part] + parts
                    break
                except Exception as error:
                    if not self._wait_before_retry(error, failures):
                        return False
                    failures += 1
            if failures and self._words.away:
                self._words.away = False
                log.info("%s is back", self._shown)
            self._sending = self._sending[-sum(map(len, parts)) :] if parts else []
        return True

    def _wait_before_retry(self, error: Exception, failures: int) -> bool:
        """False: too late for another attempt."""
        delay = random.random() * min(BACKOFF_SECONDS_MAX, self._backoff_seconds * 2.0 ** min(failures, 20))
        with self._changed:
            now = self._clock()
            if self._spool:
                self._spool.touch()
            self._words.say_away(error, len(self._outbox) + len(self._sending))
            self._words.say_dropped()
        self._speak()
        with self._changed:
            if self._end_at is not None:
                left = self._end_at - now
                if left <= 0:
                    return False
                delay = min(delay, left)
            elif self._hurried:
                delay = 0.0
            self._hurried = False
            self._changed.wait_for(lambda: self._hurried, delay)
            return True

    def _sent_through(self, last: int) -> bool:
        sending = self._sending  # the thread may replace it
        first = sending[0][0] if sending else self._outbox.first_number
        return self._ended or first is None or first > last

    def _opened(self, spool: Callable[[Callable[[Exception], None]], Spool | None]) -> Spool | None:
        try:
            return spool(self._words.say_unspooled)
        except Exception as error:
            self._words.say_unspooled(error)
            return None

    def _settle(self, events: Sequence[Event]) -> None:
        if self._spool:
            with self._changed:
                self._spool.settle(events)

    def _note_full(self, event: Event) -> None:
        self._settle([event])
        self._words.note_dropped("the buffer is full")

    def _note_refused(self, refused: Sequence[tuple[Event, str]]) -> None:
        with self._changed:
            for event, why in refused:
                self._words.note_dropped(f"refused ({event.name} of {event.job_id}: {why})")

    def _speak(self) -> None:
        """Without the lock: a logging handler may wait for a thread that reports."""
        with self._changed:
            words = self._words.take()
        for said in words:
            log.warning("%s: %s", self._shown, said)
