/**
 * A history that has everything in it, as steps: jobs that complete, fail, are redriven, cancelled and retried; workers that
 * beat, end and come back; an alert; hours that pass; snapshots, truncation, and an archive that keeps little in memory.
 */
import { readSettings } from '../config.ts';
import { Refused } from '../engine.ts';
import type { TurnedClock } from './testing-clock.ts';
import type { TestMonitor } from './testing-monitor.ts';

export const HISTORY_START = '2025-07-07T19:30:00Z';

export const HISTORY_SETTINGS = { finished_max: 2, finished_window_ms: 3_600_000, view_puts_per_second: 100_000 };

const HOUR_MS = 3_600_000;

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
  (_, clock) => clock.turn(HOUR_MS),
  (monitor) => monitor.claim('worker-2', 2),
  (monitor) => monitor.complete('job-2'),
  (monitor) => monitor.submit('job-4', 'job-5'),
  (monitor) => monitor.archive.runOnce(),
  (monitor) => monitor.do({ type: 'cancel_job', job_id: 'job-4' }),
  (monitor) => monitor.register('worker-1'),
  (_, clock) => clock.turn(2_000),
  (monitor) => monitor.complete('job-3'),
  (monitor) => monitor.archive.runOnce(),
  (monitor) => monitor.terminate('worker-2'),
  (_, clock) => clock.turn(8 * 24 * HOUR_MS),
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

/** Runs steps; what a crash before had done already, or undone, is refused, and that is as well. */
export async function play(steps: readonly Step[], monitor: TestMonitor, clock: TurnedClock): Promise<void> {
  for (const step of steps) await playOne(step, monitor, clock);
}

export async function playOne(step: Step, monitor: TestMonitor, clock: TurnedClock): Promise<void> {
  await step(monitor, clock).catch((error: unknown) => {
    if (!(error instanceof Refused)) throw error;
  });
}

export const settingsOfHistory = () => readSettings(HISTORY_SETTINGS, {});
