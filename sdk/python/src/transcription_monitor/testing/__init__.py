"""A monitor for your own tests, in memory and without a network.

    from transcription_monitor import TranscriptionAPI
    from transcription_monitor.testing import MockMonitor

    monitor = MockMonitor()
    api = TranscriptionAPI(base_url="http://monitor.test", transport=monitor)
    job = api.jobs.submit("s3://bucket/audio.mp3")
    monitor.progress(job.id, 45, "TRANSCRIBING")
    monitor.complete(job.id, text="hello")
    assert [update.state for update in api.jobs.watch(job.id)] == ["COMPLETED"]

It responds as a monitor does: our own tests run the same rules against both. It has no clock: leases don't expire,
retries and claims don't wait. It has no live feed: `jobs.watch` polls. It has no analytics.
"""

from .mock_monitor import MockMonitor

__all__ = ["MockMonitor"]
