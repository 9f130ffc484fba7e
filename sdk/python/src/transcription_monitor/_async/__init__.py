"""The client, written once: as it is for asyncio; `scripts/generate_sync.py` makes `_sync` from it."""
