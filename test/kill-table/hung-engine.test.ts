/** Engines that hang: each is killed within its limit, and another worker transcribes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOurs } from '../processes/left-processes.ts';
import { extent } from '../thorough.ts';
import { shelledEngine } from './engine.ts';
import { openScene } from './scene.ts';

const HANGS = [
  ['is stopped', 'stop'],
  ['spins', 'spin'],
  ['sleeps', 'sleep'],
] as const;
for (const [how, first] of HANGS.slice(0, extent(3, 1))) {
  test(`an engine that ${how} is killed after --stall-timeout, without an attempt, and another worker transcribes`, {
    timeout: 230_000,
  }, async (t) => {
    const scene = await openScene(t);
    const id = await scene.submit();
    const engine = await shelledEngine(t, first);
    await scene.worker('hung', engine, ['--stall-timeout', '2s']);
    const pid = await engine.held();
    await scene.worker('other', await shelledEngine(t, 'nothing'));
    const job = await scene.transcribed(id);
    assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['other', 1]);
    assert.match(JSON.stringify(job.state_history), /engine_stalled/);
    assert.equal(isOurs(pid), false);
    await scene.close();
  });
}
