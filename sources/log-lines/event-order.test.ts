import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mergeSightings, type Sighting } from '../../protocol/sighting.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import type { Source } from '../source.ts';
import { openLogFile } from './file.ts';

const signal = new AbortController().signal;

/** The sightings of a log, merged in both orders, which must not matter. */
async function jobsOf(source: Source, path: string, lines: string[], pieces = 1): Promise<Map<string, Sighting>> {
  writeFileSync(path, '');
  const all: Sighting[] = [];
  let from: string | null = null;
  const size = Math.ceil(lines.length / pieces);
  for (let at = 0; at < lines.length; at += size) {
    appendFileSync(path, `${lines.slice(at, at + size).join('\n')}\n`);
    for await (const { sightings, position } of source.read({ since_ms: 0, from, signal })) {
      all.push(...sightings);
      from = position;
    }
  }
  const merge = (given: Sighting[]) => {
    const jobs = new Map<string, Sighting>();
    for (const one of given)
      jobs.set(one.job_id, jobs.has(one.job_id) ? mergeSightings(jobs.get(one.job_id)!, one) : one);
    return jobs;
  };
  const jobs = merge(all);
  for (const [job_id, { state }] of merge(all.toReversed())) assert.equal(state, jobs.get(job_id)!.state);
  return jobs;
}

const line = (clock: string, text: string) => `2026-11-26 ${clock} INFO ${text}`;
const RETRY = [
  line('20:00:00', 'JOB_START job_id=a worker_id=w1'),
  line('20:00:00', 'JOB_FAILED job_id=a error=boom'),
  line('20:00:00', 'JOB_START job_id=a worker_id=w2'),
  line('20:00:00', 'JOB_PROGRESS job_id=a percentage=5'),
];

test('a job that starts again in the second in which it failed is running, wherever a read ends', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  for (const pieces of [1, 2, 4]) {
    const { state, percentage, worker_id } = (await jobsOf(openLogFile(path), path, RETRY, pieces)).get('a')!;
    assert.deepEqual({ state, percentage, worker_id }, { state: 'PROCESSING', percentage: 5, worker_id: 'w2' });
  }
});

test('what follows in the same second is of the new attempt', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  for (const pieces of [1, 5]) {
    const completed = [...RETRY, line('20:00:00', 'JOB_COMPLETE job_id=a duration=0')];
    assert.equal((await jobsOf(openLogFile(path), path, completed, pieces)).get('a')!.state, 'COMPLETED');
    const again = [...completed, ...RETRY, line('20:00:00', 'JOB_FAILED job_id=a error=x')];
    assert.equal((await jobsOf(openLogFile(path), path, again, pieces)).get('a')!.state, 'FAILED');
  }
});

test('a worker whose clock is a second behind that of the one before may start a job again', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const failed = 'TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "a", "worker_id": "w1"}';
  const jobs = await jobsOf(openLogFile(path), path, [
    line('20:00:01', failed),
    line('20:00:00', 'JOB_START job_id=a worker_id=w2'),
  ]);
  assert.equal(jobs.get('a')!.state, 'PROCESSING');
});

test('a start that arrives after its own end is not another attempt', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const jobs = await jobsOf(openLogFile(path), path, [
    line('20:00:05', 'JOB_COMPLETE job_id=a duration=4'),
    line('20:00:01', 'JOB_START job_id=a worker_id=w1'),
  ]);
  assert.equal(jobs.get('a')!.state, 'COMPLETED');
});

test('a failure that its traceback prints again is one failure', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const traceback = [
    'Traceback (most recent call last):',
    '  File "worker.py", line 3, in run',
    '    raise RuntimeError(f"JOB_FAILED job_id={job_id} error={error}")',
    'RuntimeError: JOB_FAILED job_id=a error=boom',
  ];
  writeFileSync(path, `${[line('20:00:00', 'JOB_FAILED job_id=a error=boom'), ...traceback].join('\n')}\n`);
  const failures = [];
  for await (const { events } of openLogFile(path).events({ since_ms: 0, signal })) failures.push(...events);
  assert.deepEqual(
    failures.map(({ event, job_id }) => [event, job_id]),
    [['JOB_FAILED', 'a']],
  );
});
