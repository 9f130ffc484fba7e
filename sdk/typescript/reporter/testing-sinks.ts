/** For tests of the reporters’ systems: the example worker run on one, and what each must have then. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseLogLine } from '../../../protocol/log-line.ts';
import type { Sighting } from '../../../protocol/sighting.ts';
import { type Dropped, Reporter, type ReporterOptions } from './reporter.ts';
import { spoolKey, spoolLine, spoolName } from './spool-format.ts';
import { nobody } from './spool-owner.ts';
import { ReportWriter } from './write-report.ts';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const folder = mkdtempSync(join(tmpdir(), 'tmon-reporter-'));
after(() => rmSync(folder, { recursive: true, force: true }));
process.env.TMON_SPOOL = join(folder, 'spool');

/** Runs the worker on an existing and on a missing recording. */
export function runWorker(
  url: string,
  environment: Record<string, string> = {},
): Promise<{ stdout: string; stderr: string }> {
  const program = ['examples/typescript/worker.ts', url, 'examples/audio/lost-keys.wav', 'examples/audio/nowhere.wav'];
  return new Promise((resolve, reject) => {
    const options = { cwd: ROOT, env: { ...process.env, WORKER_ID: 'worker-1', ...environment } };
    execFile(process.execPath, program, options, (error, stdout, stderr) => {
      if (error) reject(error);
      else resolve({ stdout, stderr });
    });
  });
}

export const DONE = 'lost-keys-wav';
export const FAILED = 'nowhere-wav';

/** What every system that keeps only the last state must have in the end. */
export function assertStates(told: readonly (Sighting | { why: string })[]): void {
  const sightings = new Map(told.map((one) => ['job_id' in one ? one.job_id : one.why, one as Sighting]));
  assert.deepEqual([...sightings.keys()].sort(), [DONE, FAILED]);
  const [done, failed] = [sightings.get(DONE)!, sightings.get(FAILED)!];
  assert.deepEqual([done.state, done.percentage, done.worker_id, done.error], ['COMPLETED', 100, 'worker-1', null]);
  assert.deepEqual([failed.state, failed.percentage, failed.worker_id], ['FAILED', 0, 'worker-1']);
  assert.match(failed.error!, /ENOENT/);
  for (const { started_ms, ended_ms } of [done, failed]) assert.ok(started_ms! > 0 && ended_ms! >= started_ms!);
}

/** What every system that keeps the events must have: in order, with each job's last progress before its end. */
export function assertLines(lines: readonly string[]): void {
  const events = lines.map((line) => {
    const read = parseLogLine(line);
    assert.ok(read !== null && 'event' in read, line);
    return read;
  });
  const done = events.filter(({ job_id }) => job_id === DONE);
  assert.equal(done[0]?.event, 'JOB_START');
  assert.deepEqual(
    done.slice(-2).map(({ event, percentage }) => [event, percentage]),
    [
      ['JOB_PROGRESS', 100],
      ['JOB_COMPLETE', null],
    ],
  );
  assert.ok(done.at(-1)!.segments! > 0 && done.at(-1)!.duration! > 0);
  assert.deepEqual(
    events.filter(({ job_id }) => job_id === FAILED).map(({ event }) => event),
    ['JOB_START', 'JOB_FAILED'],
  );
}

/** A reporter, and a promise of its first warning. */
export function openReporter(url: string, options: Partial<ReporterOptions> = {}) {
  const dropped: Dropped[] = [];
  const { promise: warned, resolve: warn } = Promise.withResolvers<string>();
  return {
    reporter: Reporter.fromUrl(url, {
      workerId: 'worker-1',
      spool: false,
      ...options,
      warn,
      onDropped: (one) => dropped.push(one),
    }),
    dropped,
    warned,
  };
}

/**
 * Reports the end of `job-newer`, then finds in the spool an old start of it and of `job-older`, made by an earlier
 * process of the same worker.
 */
export async function reportWithOldSpool(url: string): Promise<void> {
  const { reporter } = openReporter(url);
  reporter.jobComplete('job-newer');
  assert.equal(await reporter.flush(30_000), true);
  await reporter.close();
  const old = new ReportWriter('worker-1', () => Date.UTC(2025, 6, 7));
  const lines = ['job-newer', 'job-older'].map((name, at) => spoolLine(at + 1, old.start(name, {})));
  const name = spoolName(spoolKey(url, 'worker-1'), nobody, '0a');
  mkdirSync(process.env.TMON_SPOOL!, { recursive: true });
  writeFileSync(join(process.env.TMON_SPOOL!, name), lines.join(''));
  const next = openReporter(url, { spool: process.env.TMON_SPOOL! }).reporter;
  assert.equal(await next.flush(30_000), true);
  await next.close();
  assert.deepEqual(readdirSync(process.env.TMON_SPOOL!), []);
}

export const NEWER_AND_OLDER = { 'job-newer': 'COMPLETED', 'job-older': 'PROCESSING' };

export const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');
