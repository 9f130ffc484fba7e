/** Lines that the libraries themselves write: loggers.py in the environment of test/setup/loggers.ts. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import type { Sighting } from '../../protocol/sighting.ts';
import { openLogFile } from '../../sources/log-lines/file.ts';
import { temporaryDirectory } from '../processes/tmon.ts';
import { loggersEnvironment } from '../setup/loggers.ts';

const PROGRAM = fileURLToPath(new URL('loggers.py', import.meta.url));

const LOGGERS: [name: string, forms: ('message' | 'fields')[]][] = [
  ['structlog_console', ['message', 'fields']],
  ['structlog_colours', ['message', 'fields']],
  ['structlog_json', ['message', 'fields']],
  ['structlog_logfmt', ['message', 'fields']],
  ['structlog_key_value', ['message', 'fields']],
  ['loguru', ['message']],
  ['loguru_colours', ['message']],
  ['loguru_json', ['message', 'fields']],
  ['python_json_logger', ['message', 'fields']],
  ['coloredlogs', ['message']],
  ['rich', ['message']],
  ['uvicorn', ['message']],
  ['gunicorn', ['message']],
  ['celery', ['message']],
  ['celery_print', ['message']],
  ['rq', ['message']],
  ['absl', ['message']],
  ['a_dict', ['message']],
  ['print_with_commas', ['message']],
  ['print_of_two_processes', ['message']],
];

test('the lines of each library are read', async (t) => {
  const { python } = await ensurePythonEnvironment(loggersEnvironment);
  const directory = temporaryDirectory(t);
  for (const [name, forms] of LOGGERS) {
    for (const form of forms) {
      const path = join(directory, `${name}-${form}.log`);
      await promisify(execFile)(python, [PROGRAM, name, form, path], {
        env: { ...process.env, TZ: 'UTC', PYTHONDONTWRITEBYTECODE: '1' },
      });
      const jobs: Record<string, Sighting> = {};
      const unreadable: string[] = [];
      for await (const reading of openLogFile(path).read({ since_ms: 0, signal: new AbortController().signal })) {
        for (const one of reading.sightings) jobs[one.reported_id ?? one.job_id] = one;
        unreadable.push(...reading.unreadable.map(({ why }) => why));
      }
      const said = `${name}, ${form}\n${readFileSync(path, 'utf8')}`;
      const states = Object.fromEntries(Object.entries(jobs).map(([job, { state }]) => [job, state]));
      assert.deepEqual(states, { 'a.mp3': 'FAILED', b: 'COMPLETED', c: 'PROCESSING' }, said);
      assert.deepEqual(unreadable, [], said);
      assert.equal(jobs['a.mp3']!.error, 'GPU out of memory', said);
      assert.equal(jobs['a.mp3']!.percentage, 45.5, said);
      assert.equal(jobs.b!.duration, 1080, said);
      assert.equal(jobs.c!.worker_id, 'w1', said);
      assert.ok(Math.abs(Date.now() - jobs.c!.told_ms) < 3_600_000, `${said}: ${jobs.c!.told_ms}`);
    }
  }
});
