/** Which instance sends the spans of a job, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FinishedSpan } from '../../../tracing/span.ts';
import { MemoryStore } from '../../objects/memory.ts';
import { TurnedClock } from '../../testing-clock.ts';
import { TestMonitor } from '../../views/testing-monitor.ts';
import { traceJobs } from './job-traces.ts';

test('of two instances on one store, the one that commits the end of a job sends its spans, also of work at the other', async () => {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new MemoryStore(clock);
  const open = async () => {
    const monitor = await TestMonitor.open({ store, clock, shared: true });
    const spans: FinishedSpan[] = [];
    traceJobs(monitor.engine, { export: (span) => spans.push(span) });
    return { monitor, spans };
  };
  const one = await open();
  const other = await open();
  await one.monitor.register('worker-1');
  await one.monitor.submit('job-1', 'job-2');
  await clock.turn(5_000);
  await one.monitor.claim('worker-1', 2);
  await one.monitor.complete('job-1');
  await other.monitor.engine.journal.catchUp();
  await clock.turn(5_000);
  await other.monitor.complete('job-2');
  await one.monitor.engine.journal.catchUp();
  await clock.turn(5_000);
  const of = ({ spans }: typeof one) =>
    spans.map(({ name, attributes }) => `${attributes['transcription.job.id']} ${name}`);
  assert.deepEqual(of(one), ['job-1 job', 'job-1 queued', 'job-1 attempt']);
  assert.deepEqual(of(other), ['job-2 job', 'job-2 queued', 'job-2 attempt']);
  for (const { monitor } of [one, other]) await monitor.stop();
});
