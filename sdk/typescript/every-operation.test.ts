/** Compares the monitor's operations with the client; the Python SDK's tests do the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpoints } from '../../server/api/http/app.ts';
import { TranscriptionAPI } from './index.ts';

test('every operation of the monitor is in the client, under the same noun and verb', () => {
  const api = new TranscriptionAPI({ baseUrl: 'http://monitor.test' }) as unknown as Record<string, object>;
  const absent = endpoints
    .map(({ operation }) => operation)
    .filter((operation) => {
      const [noun, verb] = operation.split('.') as [string, string];
      return typeof (api[noun] as Record<string, unknown> | undefined)?.[verb] !== 'function';
    });
  assert.ok(endpoints.length >= 30);
  assert.deepEqual(absent, []);
});
