/** How far the archive is behind, from the fold and the clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Monitor } from '../state-machine/testing.ts';
import { type InstanceParts, instanceFamilies } from './instance-families.ts';

async function behind({ state, at_ms }: Monitor, now_ms = at_ms): Promise<number | undefined> {
  const status = { seq: 1, writable: true, problem: null, problems: [], halted: false, clock_offset_ms: 0 };
  const journal = { now: () => now_ms, status, unread_ms: 0 } as unknown as InstanceParts['engine']['journal'];
  const families = await instanceFamilies({
    engine: { state, journal },
    feed: { clients: 0 },
    views: { backlog: 0, behind_ms: 0 },
    cache: null,
    queue: null,
    settings: { finished_window_ms: 60_000 },
  });
  return families.find(({ name }) => name.endsWith('archive_behind_seconds'))?.values[0]?.value;
}

test('the archive is behind by the time since the oldest finished job should have left memory', async () => {
  const monitor = new Monitor();
  assert.equal(await behind(monitor), 0);
  monitor.complete(monitor.claimed('job-1'));
  monitor.later(30_000).complete(monitor.claimed('job-2'));
  assert.equal(await behind(monitor, monitor.at_ms), 0);
  assert.equal(await behind(monitor, monitor.at_ms + 30_000), 0);
  assert.equal(await behind(monitor, monitor.at_ms + 75_000), 45);
});
