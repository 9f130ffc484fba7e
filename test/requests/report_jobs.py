"""Reports jobs to a system as a worker does, each report by itself: `report_jobs.py URL JOBS REPORTS [leave]`. With `leave` they don't end."""

import sys

from transcription_monitor import Reporter

url, jobs, reports = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with Reporter.from_url(url, worker_id="worker-1", progress_seconds=0) as reporter:
    for number in range(jobs):
        job_id = f"job-{reports}-{number}"
        reporter.job_start(job_id, audio_duration=4860)
        reporter.flush()
        for report in range(1, reports + 1):
            reporter.job_progress(job_id, round(100 * report / (reports + 1), 1), stage="TRANSCRIBING")
            reporter.flush()
        if "leave" not in sys.argv:
            reporter.job_complete(job_id, duration=1200, segments=150, s3_path=f"s3://bucket/{job_id}.json")
            reporter.flush()
    print(reporter.dropped)
