"""The client for asyncio; `scripts/generate_sync.py` generates `_sync` from it."""
