import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTEMPT_LOG_BYTES_MAX } from '../protocol/log-limits.ts';
import { NotFoundError } from '../sdk/typescript/index.ts';
import { AttemptLog } from './attempt-log.ts';
import { redactorOf } from './redact.ts';
import { StepClock } from './testing-clock.ts';

type Sent = { text: string; endBytes: number; at_ms: number };

function open(respond: () => Promise<void> = async () => {}) {
  const clock = new StepClock(0);
  const sent: Sent[] = [];
  const send = async (part: { text: string; endBytes: number }) => {
    sent.push({ ...part, at_ms: clock.monotonic() });
    await respond();
  };
  return { clock, sent, log: new AttemptLog({ send, redact: (line) => line, clock }) };
}

test('a log is sent a second after its first line, then less and less often, each time as it is then', async () => {
  const { clock, sent, log } = open();
  for (let n = 0; n < 6; n += 1) {
    log.line(`line ${n}`);
    await clock.step();
    await new Promise(setImmediate);
  }
  assert.deepEqual(
    sent.map(({ at_ms }) => at_ms),
    [1_000, 3_000, 7_000, 15_000, 25_000, 35_000],
  );
  assert.equal(sent[1]?.text, 'line 0\nline 1\n');
  log.line('last');
  await log.flush();
  assert.equal(sent.at(-1)?.endBytes, 6 * 7 + 5);
  await log.flush();
  assert.equal(sent.length, 7, 'nothing new');
});

test('only the last 64 KiB are kept and sent, and the end counts all', async () => {
  const { sent, log } = open();
  for (let n = 0; n < 2_000; n += 1) log.line('x'.repeat(99));
  await log.flush();
  assert.equal(sent[0]?.endBytes, 200_000);
  assert.equal(sent[0]?.text.length, Math.floor(ATTEMPT_LOG_BYTES_MAX / 100) * 100);
});

test('a part that is not delivered is in the next one; a monitor without logs gets no more', async () => {
  let refusal: Error = new Error('away');
  const { sent, log } = open(() => Promise.reject(refusal));
  log.line('one');
  await log.flush();
  await log.flush();
  assert.equal(sent.length, 2);
  refusal = new NotFoundError({ type: '', title: '', status: 404, code: 'route_not_found', detail: 'no route' });
  await log.flush();
  log.line('two');
  await log.flush();
  assert.equal(sent.length, 3);
});

test('secrets do not leave the machine: query strings, passwords, tokens, secret values of the environment', () => {
  const redact = redactorOf({ HF_TOKEN: 'hf_abcdefgh', MY_KEY: 'short', HOME: '/home/ada/models' });
  for (const [line, sent] of [
    [
      'GET https://b.s3.amazonaws.com/a.mp3?X-Amz-Signature=abc HTTP/1.1',
      'GET https://b.s3.amazonaws.com/a.mp3?[redacted] HTTP/1.1',
    ],
    ['postgres://ada:pa55@db/calls', 'postgres://[redacted]@db/calls'],
    ['authorization: Bearer sk-1234567890', 'authorization: Bearer [redacted]'],
    ['token hf_abcdefgh is invalid', 'token [redacted] is invalid'],
    ['a short word in /home/ada/models', 'a short word in /home/ada/models'],
  ] as const) {
    assert.equal(redact(line), sent);
  }
});
