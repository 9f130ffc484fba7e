/** The metrics of the process are shared by all monitors in it, and keep none of them in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openMonitor } from '../../test/servers/monitor.ts';
import { systemClock } from '../clock.ts';
import { MemoryStore } from '../objects/memory.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Starts a monitor, reads its metrics, stops it, and returns a weak reference to its store. */
async function liveAndEnd(): Promise<WeakRef<MemoryStore>> {
  const ends: (() => unknown)[] = [];
  const store = new MemoryStore(systemClock);
  const monitor = await openMonitor({ after: (end: () => unknown) => void ends.push(end) }, { objects: store });
  const { text } = await monitor.call('GET', '/metrics');
  assert.match(text, /^nodejs_gc_duration_seconds_count/m);
  assert.match(text, /^transcription_monitor_journal_writable 1$/m);
  for (const end of ends.reverse()) await end();
  return new WeakRef(store);
}

test('a stopped monitor can be freed', async () => {
  const store = await liveAndEnd();
  for (let turn = 0; turn < 100 && store.deref() !== undefined; turn++) {
    await sleep(50);
    collectGarbage();
  }
  assert.equal(store.deref(), undefined);
});

test('two monitors of one process report the metrics of each, and those of the process once', async (t) => {
  const monitors = [await openMonitor(t), await openMonitor(t)] as const;
  await monitors[0].post('/jobs', { audio_url: 's3://bucket/audio.mp3' });
  const texts = await Promise.all(monitors.map(async (monitor) => (await monitor.call('GET', '/metrics')).text));
  for (const [index, text] of texts.entries()) {
    assert.match(text, new RegExp(`^transcription_monitor_jobs\\{state="QUEUED"\\} ${index === 0 ? 1 : 0}$`, 'm'));
    assert.equal(text.match(/^process_cpu_seconds_total /gm)?.length, 1);
  }
});
