/** Lines that a real systemd-journald has stored, in each form that journalctl prints. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatLogLine, formatPlainLine } from '../../protocol/log-format.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import { openLogFile } from '../../sources/log-lines/file.ts';
import { temporaryDirectory } from '../processes/tmon.ts';
import { journaldAbsent, startJournald } from '../servers/journald.ts';

const FORMS = [
  'short',
  'short-full',
  'short-iso',
  'short-iso-precise',
  'short-precise',
  'short-unix',
  'with-unit',
  'json',
  'json-sse',
  'cat',
  'export',
  'verbose',
];

const EVENTS = [
  ['JOB_START', { job_id: 'a.mp3', worker_id: 'w1' }],
  ['JOB_START', { job_id: 'b', worker_id: 'w1' }],
  ['JOB_PROGRESS', { job_id: 'a.mp3', percentage: 45.5 }],
  ['JOB_FAILED', { job_id: 'a.mp3', error: 'GPU out of memory' }],
  ['JOB_COMPLETE', { job_id: 'b', duration: 1080 }],
  ['JOB_START', { job_id: 'c', worker_id: 'w1' }],
] as const;

test('what journald has stored is read in every form that journalctl prints', async (t) => {
  const absent = journaldAbsent();
  if (absent !== undefined) return t.skip(absent);
  const journald = await startJournald(t);
  const folder = temporaryDirectory(t);
  for (const [name, format, wrap] of [
    ['plain', formatPlainLine, String],
    ['json', formatLogLine, String],
    ['coloured', formatPlainLine, (line: string) => `\u001b[31m${line}\u001b[0m`],
  ] as const) {
    const timestamp = new Date().toISOString();
    const lines = EVENTS.map(([event, more]) => wrap(format({ event, timestamp, ...more })));
    const written = join(folder, `${name}.lines`);
    writeFileSync(written, `worker: starting\n${lines.join('\n')}\n`);
    await journald.run(`systemd-cat -t ${name} cat '${written}'; journalctl --sync`);
    for (const form of FORMS) {
      // It prints such a message as `[52B blob data]`.
      if (name === 'coloured' && form === 'verbose') continue;
      const text = await journald.run(`TZ=UTC journalctl --no-pager -t ${name} -o ${form}`);
      const path = join(folder, `${name}-${form}.log`);
      writeFileSync(path, text);
      const said = `${name}, ${form}\n${text.toString().slice(0, 3000)}`;
      const { jobs, unreadable } = await read(path);
      const states = Object.fromEntries(Object.entries(jobs).map(([job, { state }]) => [job, state]));
      assert.deepEqual(states, { 'a.mp3': 'FAILED', b: 'COMPLETED', c: 'PROCESSING' }, said);
      assert.deepEqual(unreadable, [], said);
      assert.equal(jobs['a.mp3']!.error, 'GPU out of memory', said);
      assert.equal(jobs.b!.duration, 1080, said);
      assert.ok(Math.abs(Date.now() - jobs.c!.told_ms) < 3_600_000, `${said}: ${jobs.c!.told_ms}`);
    }
  }
});

async function read(path: string) {
  const jobs: Record<string, Sighting> = {};
  const unreadable: string[] = [];
  for await (const reading of openLogFile(path).read({ since_ms: 0, signal: new AbortController().signal })) {
    for (const one of reading.sightings) jobs[one.reported_id ?? one.job_id] = one;
    unreadable.push(...reading.unreadable.map(({ why }) => why));
  }
  return { jobs, unreadable };
}
