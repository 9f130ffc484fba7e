/** Calls that help: those that the monitor proposes are known here. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { callOf } from './remedy.ts';

test('every call that /why proposes has a button', () => {
  const source = readFileSync(new URL('../../../server/documents/why.ts', import.meta.url), 'utf8');
  const proposed = [...source.matchAll(/method: '(\w+)',\s+path: [`'](\/api\/v1\/[^`']+)[`']/g)];
  assert.ok(proposed.length >= 4, `${proposed.length}`);
  for (const [, method, template] of proposed) {
    const path = template!.replace(/\$\{\w+\}/g, 'job-1');
    assert.ok(callOf({ what: '', method: method!, path }), `${method} ${path}`);
  }
});

test('another call has none', () => {
  for (const [method, path] of [
    ['POST', '/api/v1/queues/main/purge'],
    ['DELETE', '/api/v1/workers/a/b/c'],
    ['POST', '/api/v1/workers/gpu-1'],
    ['GET', 'https://example.com/api/v1/jobs/1'],
  ] as const) {
    assert.equal(callOf({ what: '', method, path }), undefined, path);
  }
});
