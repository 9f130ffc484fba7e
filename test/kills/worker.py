"""As worker.ts, in Python."""

import os
import signal
import sys
import time

from transcription_monitor import Reporter

url, *job = sys.argv[1:]
reporter = Reporter.from_url(url, worker_id="worker-1")
if job:
    job_id, moment = job
    reporter.job_start(job_id)
    reporter.job_failed(job_id, "boom")
    if moment == "at once":
        os.kill(os.getpid(), signal.SIGKILL)
    os.write(1, b"told\n")  # in one piece, beside what a thread logs
    time.sleep(3600)
