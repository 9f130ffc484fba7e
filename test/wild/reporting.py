"""Reporters of many histories in one process, at the times of the histories. Each line of standard input is one of

    {"url": …, "reports": [{"at_ms": …, "event": …, "job_id": …, "worker_id": …, "percentage": …, "error": …}, …]}
    {"close": url}

and is answered by a line, `true` once everything is delivered.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from transcription_monitor.reporter import reporter as reporting

now_ms = 0
reporting.now_ms = lambda: now_ms

reporters: dict[str, dict[str, reporting.Reporter]] = {}


def report(url: str, told: dict[str, Any]) -> None:
    global now_ms
    now_ms = told["at_ms"]
    of_url = reporters.setdefault(url, {})
    worker_id = told["worker_id"]
    if worker_id not in of_url:
        of_url[worker_id] = reporting.Reporter.from_url(url, worker_id=worker_id, progress_seconds=0, spool=False)
    one = of_url[worker_id]
    match told["event"]:
        case "JOB_START":
            one.job_start(told["job_id"])
        case "JOB_PROGRESS":
            one.job_progress(told["job_id"], told["percentage"])
        case "JOB_COMPLETE":
            one.job_complete(told["job_id"])
        case "JOB_FAILED":
            one.job_failed(told["job_id"], told["error"])


for line in sys.stdin:
    request = json.loads(line)
    done = True
    if "close" in request:
        closed = [one.close() for one in reporters.pop(request["close"], {}).values()]
        done = all(closed)
    else:
        # Of another worker only once this one's are delivered: what happened in this order arrives in it.
        url, last = request["url"], None
        for told in request["reports"]:
            if last is not None and told["worker_id"] != last:
                done &= reporters[url][last].flush(120)
            report(url, told)
            last = told["worker_id"]
        if last is not None:
            done &= reporters[url][last].flush(120)
    print(json.dumps(done), flush=True)
