"""API keys: made, narrowed, rotated and revoked with the client."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone

import pytest

from transcription_monitor import AsyncTranscriptionAPI, ConflictError, RefusedError, TranscriptionAPI

from .processes import monitor


def test_keys_are_made_narrowed_rotated_and_revoked() -> None:
    with monitor() as server:
        with TranscriptionAPI(server.url) as open_api:
            root = open_api.keys.create("admin", name="root")
            with pytest.raises(RefusedError) as refused:
                list(open_api.jobs.list())
            assert (refused.value.status, refused.value.code) == (401, "key_required")
        with TranscriptionAPI(server.url, api_key=root.key) as api:
            ends_at = datetime.now(timezone.utc) + timedelta(days=1)
            made = api.keys.create("submit", name="shop", tags=["shop"], expires_at=ends_at, idempotency_key="once")
            assert (made.role, made.tags, made.created_by) == ("submit", ["shop"], f"key:{root.id}")
            with pytest.raises(ConflictError, match="secret_shown_before"):
                api.keys.create("submit", name="shop", tags=["shop"], expires_at=ends_at, idempotency_key="once")
            with TranscriptionAPI(server.url, api_key=made.key) as shop:
                job = shop.jobs.submit("s3://bucket/a.mp3", tags=["shop"])
                assert [one.id for one in shop.jobs.list()] == [job.id]
                with pytest.raises(RefusedError, match="tag_required"):
                    shop.jobs.submit("s3://bucket/a.mp3")
                with pytest.raises(RefusedError, match="role"):
                    list(shop.workers.list())
                assert shop.session.get().role == "submit"
                assert shop.jobs.create_token(job.id, expires_in_seconds=60).job_id == job.id
                assert shop.tickets.create().ticket.startswith("tmt_")
                assert shop.session.create().signed_in
                assert not shop.session.end().signed_in
            rotated = api.keys.rotate(made.id, overlap_seconds=0)
            with TranscriptionAPI(server.url, api_key=made.key) as shop, pytest.raises(RefusedError, match="not valid"):
                list(shop.jobs.list())
            with TranscriptionAPI(server.url, api_key=rotated.key) as shop:
                assert [one.id for one in shop.jobs.list()] == [job.id]
            assert api.keys.revoke(made.id).revoked_at is not None
            entries = list(api.audit.list(key_id=root.id, limit=1))
            assert [(one.event, one.entity, one.address) for one in entries[:2]] == [
                ("KeyRevoked", made.id, "127.0.0.1"),
                ("KeyRotated", made.id, "127.0.0.1"),
            ]
            assert [key.name for key in api.keys.list()] == ["root", "shop"]
            set_to = api.tenants.put("acme", weight=2, jobs_per_day=1)
            assert (set_to.weight, set_to.jobs_per_day, set_to.max_running) == (2, 1, None)
            acme = api.keys.create("submit", tenant="acme", max_running=3)
            assert (acme.tenant, acme.max_running) == ("acme", 3)
            with TranscriptionAPI(server.url, api_key=acme.key) as theirs:
                assert theirs.jobs.submit("s3://bucket/a.mp3").tenant == "acme"
                with pytest.raises(RefusedError, match="quota"):
                    theirs.jobs.submit("s3://bucket/a.mp3", retries=0)
                assert [(one.tenant, one.usage.jobs) for one in theirs.tenants.list()] == [("acme", 1)]
                assert theirs.session.get().tenant == "acme"
            assert api.tenants.pause("acme").paused
            assert not api.tenants.resume("acme").paused
            assert api.tenants.delete("acme").weight == 1
            assert api.tenants.get("acme").waiting == 1
            assert [one.tenant for one in api.jobs.list(tenant="acme")] == ["acme"]

        async def same() -> None:
            async with AsyncTranscriptionAPI(server.url, api_key=root.key) as client:
                key = await client.keys.create("worker", worker_id="worker-1")
                assert key.id in [one.id async for one in client.keys.list()]

        asyncio.run(same())
