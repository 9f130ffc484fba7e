/**
 * A history that covers everything, as steps: jobs that complete, fail, are redriven, cancelled and retried; workers
 * that beat, end and come back; an alert; hours that pass; snapshots, truncation, and an archive that keeps little in
 * memory.
 */
import { NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import { HOUR_MS, parseTime } from '../../protocol/time.ts';
import { readSettings } from '../config.ts';
import { Refused } from '../engine.ts';
import type { TurnedClock } from '../testing-clock.ts';
import type { TestMonitor } from './testing-monitor.ts';

export const HISTORY_START = '2025-07-07T19:30:00Z';

export const HISTORY_SETTINGS = { finished_max: 2, finished_window_ms: 3_600_000, view_puts_per_second: 100_000 };

const HISTORY_START_MS = parseTime(HISTORY_START);
const SEEN_AGAIN = { told_ms: HISTORY_START_MS + HOUR_MS, worker_id: 'worker-seen' };

/** A source's report on a job that runs elsewhere. */
function sighted(monitor: TestMonitor, report: Partial<Sighting>): Promise<unknown> {
  const ended = report.state === 'PROCESSING' ? {} : { ended_ms: report.told_ms };
  const job_id = 'job-seen';
  const sighting = { ...NOTHING_KNOWN, job_id, told_ms: HISTORY_START_MS, ...ended, ...report } as Sighting;
  return monitor.observe('log:/var/log/worker.log', sighting);
}

type Step = (monitor: TestMonitor, clock: TurnedClock) => Promise<unknown>;

export const HISTORY: readonly Step[] = [
  (monitor) => monitor.register('worker-1'),
  (monitor) => monitor.submit('job-1', 'job-2', 'job-3'),
  (_, clock) => clock.turn(2_000),
  (monitor) => monitor.claim('worker-1', 2),
  async (monitor, clock) => {
    monitor.progress('job-1', 40);
    monitor.beat('worker-1');
    await clock.turn(20_000);
  },
  (monitor) => monitor.complete('job-1'),
  (monitor) => monitor.fail('job-2'),
  (monitor) => sighted(monitor, { state: 'PROCESSING', started_ms: HISTORY_START_MS, worker_id: 'worker-seen' }),
  (monitor) => monitor.tick('alert-1'),
  (_, clock) => clock.turn(2_000),
  (monitor) => monitor.engine.journal.snapshot(),
  (monitor) => monitor.do({ type: 'redrive', filter: {} }),
  (monitor) => monitor.tick('alert-2'),
  (monitor) => monitor.do({ type: 'cancel_job', job_id: 'job-3' }),
  (_, clock) => clock.turn(2_000),
  (monitor) => monitor.do({ type: 'retry_job', job_id: 'job-3' }),
  (monitor) => monitor.register('worker-2'),
  (monitor) => monitor.terminate('worker-1'),
  (monitor) => monitor.terminate('worker-seen'),
  (_, clock) => clock.turn(HOUR_MS),
  (monitor) => monitor.claim('worker-2', 2),
  (monitor) => monitor.complete('job-2'),
  // According to its source it ended in the hour before; then it is started again, by a worker that had ended.
  (monitor) => sighted(monitor, { state: 'FAILED', told_ms: HISTORY_START_MS + 60_000, error: 'noise' }),
  (monitor) => sighted(monitor, { ...SEEN_AGAIN, state: 'PROCESSING', started_ms: HISTORY_START_MS + HOUR_MS }),
  (monitor) => monitor.submit('job-4'),
  (monitor) => sighted(monitor, { ...SEEN_AGAIN, state: 'COMPLETED', segments: 3 }),
  (monitor) => monitor.archive.runOnce(),
  (monitor) => monitor.do({ type: 'cancel_job', job_id: 'job-4' }),
  (monitor) => monitor.register('worker-1'),
  (_, clock) => clock.turn(2_000),
  (monitor) => monitor.complete('job-3'),
  (monitor) => monitor.archive.runOnce(),
  // No job waits and no worker runs during the long gap: each hour of it would have views of its own.
  (monitor) => monitor.terminate('worker-1'),
  (monitor) => monitor.terminate('worker-2'),
  (monitor) => monitor.terminate('worker-seen'),
  (_, clock) => clock.turn(8 * 24 * HOUR_MS),
  (monitor) => monitor.register('worker-1'),
  (monitor) => monitor.submit('job-5'),
  (monitor) => monitor.engine.journal.snapshot(),
  (monitor) => monitor.claim('worker-1'),
  (monitor) => monitor.archive.runOnce(),
  (monitor) => monitor.archive.runOnce(),
  (monitor) => monitor.engine.journal.snapshot(),
  (monitor) => monitor.engine.journal.truncate(),
  async (monitor, clock) => {
    monitor.beat('worker-1');
    await clock.turn(1_000);
  },
];

/** Runs steps; those that a crash before had already done, or undone, are refused, which is fine. */
export async function play(steps: readonly Step[], monitor: TestMonitor, clock: TurnedClock): Promise<void> {
  for (const step of steps) await playOne(step, monitor, clock);
}

export async function playOne(step: Step, monitor: TestMonitor, clock: TurnedClock): Promise<void> {
  await step(monitor, clock).catch((error: unknown) => {
    if (!(error instanceof Refused)) throw error;
  });
}

export const settingsOfHistory = () => readSettings(HISTORY_SETTINGS, {});
