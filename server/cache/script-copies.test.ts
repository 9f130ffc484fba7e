import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { WRITE_JOB } from '../../protocol/job-cache.ts';

test('both SDKs and the monitor write to the cache by the same script', () => {
  const python = new URL('../../sdk/python/src/transcription_monitor/state/job_cache.py', import.meta.url);
  const [, script] = /WRITE_JOB = """(\n[\s\S]*?)"""/.exec(readFileSync(python, 'utf8')) ?? [];
  assert.equal(script, WRITE_JOB);
});
