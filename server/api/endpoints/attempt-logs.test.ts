/** Logs of attempts: who may send them, what is kept, and what a reader who follows them gets. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ATTEMPT_LOG_BYTES_MAX } from '../../../protocol/log-limits.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { claim, complete, fail, type Held, hold, register } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after }, { clock: new JumpingClock() });

const at = (job_id: string, attempt = 1): string => `/jobs/${job_id}/attempts/${attempt}/log`;

/** As a worker that has printed so many bytes, of which the text is the end. */
const send = ({ id, token }: Held, text: string, end_bytes = Buffer.byteLength(text), attempt = 1) =>
  monitor.put(`${at(id, attempt)}?end_bytes=${end_bytes}`, text, {
    'lease-token': token,
    'content-type': 'text/plain',
  });

async function read(job_id: string, after_bytes = 0, attempt = 1) {
  const { status, text, headers } = await monitor.get(`${at(job_id, attempt)}?after=${after_bytes}`);
  assert.equal(status, 200, text);
  return { text, end: Number(headers.get('log-end')), complete: headers.get('log-complete') };
}

test('a reader follows the log of an attempt from one end to the next, until the attempt is over', async () => {
  const held = await hold(monitor);
  assert.deepEqual(await read(held.id), { text: '', end: 0, complete: 'false' });
  await send(held, 'loading\n');
  const first = await read(held.id);
  assert.deepEqual(first, { text: 'loading\n', end: 8, complete: 'false' });
  await send(held, 'loading\nwörter\n');
  assert.deepEqual(await read(held.id, first.end), { text: 'wörter\n', end: 16, complete: 'false' });
  assert.deepEqual(await read(held.id, 16), { text: '', end: 16, complete: 'false' });
  await complete(monitor, held);
  assert.deepEqual(await read(held.id, first.end), { text: 'wörter\n', end: 16, complete: 'true' });
});

test('only the worker that holds the lease of the attempt may send its log', async () => {
  const held = await hold(monitor);
  const other = await send({ ...held, token: 'another' }, 'x');
  assert.deepEqual([other.status, other.body.code], [409, 'lease_expired']);
  const wrong = await send(held, 'x', 1, 2);
  assert.deepEqual([wrong.status, wrong.body.code], [409, 'attempt_not_current']);
  const none = await monitor.put(`${at(held.id)}?end_bytes=1`, 'x', { 'content-type': 'text/plain' });
  assert.deepEqual([none.status, none.body.code], [400, 'lease_token_missing']);
  await fail(monitor, held);
  assert.equal((await send(held, 'x')).status, 409);
});

test('the last 64 KiB are kept, from the beginning of a line', async () => {
  const held = await hold(monitor);
  const line = `${'x'.repeat(99)}\n`;
  const text = line.repeat(1000);
  await send(held, text, 1_000_000);
  const { text: kept, end } = await read(held.id);
  assert.equal(end, 1_000_000);
  assert.ok(kept.length <= ATTEMPT_LOG_BYTES_MAX && kept.length > ATTEMPT_LOG_BYTES_MAX - 100);
  assert.equal(kept.length % 100, 0);
  assert.equal((await read(held.id, 999_900)).text, line);
  const large = await send(held, 'x'.repeat(300_000));
  assert.equal(large.status, 413);
});

test('an attempt that does not count continues under its number: what the first worker printed stays above', async () => {
  const held = await hold(monitor, {}, 'first');
  await send(held, 'hangs\n');
  await monitor.delete('/workers/first');
  await register(monitor, 'second');
  const again = (await claim(monitor, 'second', 100)).find(({ id }) => id === held.id)!;
  assert.equal(again.attempt.number, 1);
  await send(again, 'works\n');
  assert.deepEqual(await read(held.id), { text: 'hangs\nworks\n', end: 12, complete: 'false' });
});

test('a log that was never sent is not found once the attempt is over, nor that of an attempt to come', async () => {
  const held = await hold(monitor);
  const next = await monitor.get(at(held.id, 2));
  assert.deepEqual([next.status, next.body.code], [404, 'attempt_log_not_found']);
  await complete(monitor, held);
  const over = await monitor.get(at(held.id));
  assert.deepEqual([over.status, over.body.code], [404, 'attempt_log_not_found']);
  assert.equal((await monitor.get(at('job-none'))).body.code, 'job_not_found');
});
