/** Lines in the logs of containers, as the real programs write them: conmon CRI's format, dockerd its json-file. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatLogLine, formatPlainLine } from '../../protocol/log-format.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import { openLogFile } from '../../sources/log-lines/file.ts';
import { type Cleaning, temporaryDirectory } from '../processes/tmon.ts';
import { conmonAbsent, conmonLog } from '../servers/conmon.ts';
import { dockerdAbsent, startDockerd } from '../servers/dockerd.ts';

/** Longer than both write in one piece, which is 16 KiB. */
const LONG = 'CUDA error: out of memory at layer 7; '.repeat(1000).trim();

const EVENTS = [
  ['JOB_START', { job_id: 'a.mp3', worker_id: 'w1' }],
  ['JOB_START', { job_id: 'b', worker_id: 'w1' }],
  ['JOB_PROGRESS', { job_id: 'a.mp3', percentage: 45.5 }],
  ['JOB_FAILED', { job_id: 'a.mp3', error: LONG }],
  ['JOB_COMPLETE', { job_id: 'b', duration: 1080 }],
  ['JOB_START', { job_id: 'c', worker_id: 'w1' }],
] as const;

const FORMATS = [
  ['plain', formatPlainLine, String],
  ['json', formatLogLine, String],
  ['coloured', formatPlainLine, (line: string) => `\u001b[31m${line}\u001b[0m`],
] as const;

const linesOf = ([, format, wrap]: (typeof FORMATS)[number]): string[] => {
  const timestamp = new Date().toISOString();
  return EVENTS.map(([event, more]) => wrap(format({ event, timestamp, ...more })));
};

/** Prints the files as lines, each with one of stderr before its end, and ends without a newline. */
const script = (paths: readonly string[], { tool = '', stderr = true } = {}) => `
for path in ${paths.join(' ')}; do
  ${tool} cat "$path"
  ${stderr ? 'echo "warning: slow disk" >&2' : ''}
  echo
done
printf 'no newline'
`;

test('the log that conmon keeps of a container is read whole', async (t) => {
  const absent = conmonAbsent();
  if (absent !== undefined) return t.skip(absent);
  for (const form of FORMATS) {
    const files = temporaryDirectory(t);
    const paths = linesOf(form).map((line, index) => {
      const path = join(files, `${index}`);
      writeFileSync(path, line);
      return path;
    });
    await readsAll(t, await conmonLog(t, script(paths)), form[0]);
  }
});

test('the log that dockerd keeps of a container is read whole, as is what it prints', async (t) => {
  const absent = await dockerdAbsent();
  if (absent !== undefined) return t.skip(absent);
  const docker = await startDockerd(t);
  for (const form of FORMATS) {
    const paths = linesOf(form).map((line, index) => {
      writeFileSync(join(docker.files, `${form[0]}-${index}`), line);
      return `/files/${form[0]}-${index}`;
    });
    for (const options of [
      [],
      ['-t'],
      ['--log-opt', 'max-size=20k', '--log-opt', 'max-file=9'],
      ['--log-opt', 'labels=app', '--label', 'app=asr', '--log-opt', 'tag={{.Name}}'],
    ]) {
      // A terminal has one stream.
      const command = script(paths, { tool: '/bin/busybox', stderr: options[0] !== '-t' });
      const said = `${form[0]}, docker run ${options.join(' ')}`;
      await readsAll(t, await docker.jsonLog(command, options), said);
      await readsAll(t, await docker.logs(), `${said}; docker logs -t`);
    }
  }
});

async function readsAll(t: Cleaning, text: string, name: string): Promise<void> {
  const path = join(temporaryDirectory(t), 'container.log');
  writeFileSync(path, text);
  const said = `${name}\n${text.replace(/(.{300}).*/g, '$1…').slice(0, 4000)}`;
  const jobs: Record<string, Sighting> = {};
  const unreadable: string[] = [];
  for await (const reading of openLogFile(path).read({ since_ms: 0, signal: new AbortController().signal })) {
    for (const one of reading.sightings) jobs[one.reported_id ?? one.job_id] = one;
    unreadable.push(...reading.unreadable.map(({ why }) => why));
  }
  const states = Object.fromEntries(Object.entries(jobs).map(([job, { state }]) => [job, state]));
  assert.deepEqual(states, { 'a.mp3': 'FAILED', b: 'COMPLETED', c: 'PROCESSING' }, said);
  assert.deepEqual(unreadable, [], said);
  assert.ok(LONG.startsWith(jobs['a.mp3']!.error!.slice(0, 200)), said);
  assert.equal(jobs.b!.duration, 1080, said);
  assert.ok(Math.abs(Date.now() - jobs.c!.told_ms) < 3_600_000, `${said}: ${jobs.c!.told_ms}`);
}
