/**
 * Everything that takes part is killed or stopped, with a real engine: each time the job ends with its transcript, nothing is lost, and no
 * process is left.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { extent } from '../thorough.ts';
import { shelledEngine } from './engine.ts';
import { openScene, TMON_WORKER } from './scene.ts';
import { KILL_TABLE } from './table.ts';

const WITHIN = { timeout: 230_000 };
const MEMORY_BYTES_MAX = 512 * 1024 * 1024;

for (const [name, play] of KILL_TABLE) test(name, WITHIN, (t) => play(t, TMON_WORKER));

const FLOODS = [
  ['in one line', 'writes_a_line'],
  ['in lines', 'writes_lines'],
] as const;
for (const [how, first] of FLOODS.slice(0, extent(2, 0))) {
  test(`100 MB on standard error ${how} are read, and not kept`, WITHIN, async (t) => {
    const scene = await openScene(t);
    const id = await scene.submit();
    const worker = await scene.worker('worker', await shelledEngine(t, first));
    const job = await scene.transcribed(id);
    assert.equal(job.retry_info.attempt, 1);
    assert.ok(peakMemory(worker.pid!) < MEMORY_BYTES_MAX);
    await scene.close();
  });
}

/** 0 where there is no /proc. */
function peakMemory(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
