"""A monitor for your own tests, in memory and without a network.

    from transcription_monitor import TranscriptionAPI
    from transcription_monitor.testing import MockMonitor

    monitor = MockMonitor()
    api = TranscriptionAPI(base_url="http://monitor.test", transport=monitor)
    job = api.jobs.submit("s3://bucket/audio.mp3")
    monitor.progress(job.id, 45, "TRANSCRIBING")
    monitor.complete(job.id, text="hello")
    assert [update.state for update in api.jobs.watch(job.id)] == ["COMPLETED"]

It answers as a monitor does, in the same shapes: our own tests hold both to the same rules. It keeps no time: leases
don't run out, retries don't wait, a claim doesn't either. There is no live feed: `jobs.watch` polls it.
"""

from .mock_monitor import MockMonitor

__all__ = ["MockMonitor"]
