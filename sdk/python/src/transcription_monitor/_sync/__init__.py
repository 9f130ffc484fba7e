"""The client without asyncio, generated from `_async` by `scripts/generate_sync.py`."""
