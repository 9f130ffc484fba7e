/** A reporter's guarantees to its worker, with a sink that can be made unreachable. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { reportedId } from '../../../protocol/reported-id.ts';
import type { ReporterClock } from './clock.ts';
import { type Dropped, type Refusal, type Report, Reporter, type ReporterOptions, type Sink } from './reporter.ts';

const START_MS = Date.UTC(2025, 6, 7, 19, 30);

/** Stands still until advanced. */
class TurnedClock implements ReporterClock {
  #passed_ms = 0;
  /** A wall clock that can be set. */
  ahead_ms = 0;
  readonly #timers = new Set<{ at_ms: number; run: () => void }>();

  now(): number {
    return START_MS + this.#passed_ms + this.ahead_ms;
  }

  monotonic(): number {
    return this.#passed_ms;
  }

  after(delay_ms: number, run: () => void): () => void {
    const timer = { at_ms: this.#passed_ms + delay_ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  async turn(ms: number): Promise<void> {
    const end_ms = this.#passed_ms + ms;
    for (;;) {
      await turnOfTheLoop();
      const [next] = [...this.#timers].filter(({ at_ms }) => at_ms <= end_ms).sort((a, b) => a.at_ms - b.at_ms);
      if (next === undefined) break;
      this.#passed_ms = Math.max(this.#passed_ms, next.at_ms);
      this.#timers.delete(next);
      next.run();
    }
    this.#passed_ms = end_ms;
  }
}

class Place implements Sink {
  readonly name = 'place:';
  readonly linger_ms: number = 10;
  readonly attempts: (readonly Report[])[] = [];
  readonly told: Report[] = [];
  away = false;
  silent = false;
  refuses: (report: Report) => boolean = () => false;
  closed = 0;

  async send(batch: readonly Report[]): Promise<readonly Refusal[]> {
    this.attempts.push(batch);
    if (this.silent) return new Promise(() => {});
    if (this.away) throw new Error('nobody is there');
    this.told.push(...batch.filter((report) => !this.refuses(report)));
    return batch.filter(this.refuses).map((report) => ({ report, why: 'not wanted' }));
  }

  async close(): Promise<void> {
    this.closed += 1;
  }

  get lines(): string[] {
    return this.told.map(({ event: { event, job_id, percentage } }) => `${event} ${job_id} ${percentage ?? ''}`.trim());
  }
}

function open(t: TestContext, options: Partial<ReporterOptions> = {}) {
  const clock = new TurnedClock();
  const place = new Place();
  const dropped: Dropped[] = [];
  const said: string[] = [];
  const reporter = new Reporter(place, {
    workerId: 'worker-1',
    clock,
    random: () => 0.999,
    onDropped: (one) => dropped.push(one),
    warn: (line) => said.push(line),
    ...options,
  });
  t.after(async () => {
    place.away = false;
    place.silent = false;
    const closed = reporter.close();
    await clock.turn(10_000);
    await closed;
  });
  return { clock, place, dropped, said, reporter };
}

test('[B119] [B120] [B121] each event has worker, job and time, and everything known about the job by then', async (t) => {
  const { clock, place, reporter } = open(t);
  reporter.jobStart('job-1', { audioDuration: 4860, audioUrl: 's3://audio/1.mp3' });
  await clock.turn(60_000);
  reporter.jobProgress('job-1', 45, { stage: 'transcribing', currentChunk: 9, totalChunks: 20, etaSeconds: 73.5 });
  await clock.turn(60_500);
  reporter.jobComplete('job-1', { segments: 150, s3Path: 's3://transcripts/1.json', confidenceScore: 0.9 });
  await clock.turn(10);
  const who = { job_id: 'job-1', worker_id: 'worker-1' };
  assert.deepEqual(
    place.told.map(({ event }) => event),
    [
      {
        event: 'JOB_START',
        ...who,
        timestamp: '2025-07-07T19:30:00Z',
        audio_duration: 4860,
        audio_url: 's3://audio/1.mp3',
      },
      {
        event: 'JOB_PROGRESS',
        ...who,
        timestamp: '2025-07-07T19:31:00Z',
        percentage: 45,
        stage: 'transcribing',
        current_chunk: 9,
        total_chunks: 20,
        eta_seconds: 73.5,
      },
      {
        event: 'JOB_COMPLETE',
        ...who,
        timestamp: '2025-07-07T19:32:00.500Z',
        duration: 120.5,
        segments: 150,
        s3_path: 's3://transcripts/1.json',
        confidence_score: 0.9,
      },
    ],
  );
  assert.deepEqual(place.told.at(-1)?.sighting, {
    ...who,
    state: 'COMPLETED',
    told_ms: START_MS + 120_500,
    started_ms: START_MS,
    ended_ms: START_MS + 120_500,
    percentage: 100,
    stage: 'TRANSCRIBING',
    audio_duration: 4860,
    duration: 120.5,
    segments: 150,
    s3_path: 's3://transcripts/1.json',
    error: null,
  });
});

test('[B122] a failure reports the thrown error’s message, and a new attempt starts without it', async (t) => {
  const { clock, place, reporter } = open(t);
  reporter.jobStart('job-1', { audioDuration: 60 });
  reporter.jobProgress('job-1', 30);
  reporter.jobFailed('job-1', new RangeError('GPU out of memory'), { code: 'Out-Of-Memory', retryable: true });
  reporter.jobStart('job-1');
  await clock.turn(10);
  const [, , failed, again] = place.told;
  assert.deepEqual(
    [failed?.event.error, failed?.event.code, failed?.event.retryable],
    ['GPU out of memory', 'out_of_memory', true],
  );
  assert.deepEqual([failed?.sighting.state, failed?.sighting.percentage], ['FAILED', 30]);
  assert.deepEqual([again?.sighting.state, again?.sighting.percentage, again?.sighting.error], ['PROCESSING', 0, null]);
});

test('a job’s latest progress is sent once a second, and always before an end', async (t) => {
  const { clock, place, reporter } = open(t);
  reporter.jobStart('job-1');
  for (let percentage = 1; percentage <= 25; percentage += 1) {
    reporter.jobProgress('job-1', percentage);
    await clock.turn(100);
  }
  reporter.jobProgress('job-1', 99);
  reporter.jobProgress('job-2', 1);
  reporter.jobComplete('job-1');
  await clock.turn(5000);
  assert.deepEqual(place.lines, [
    'JOB_START job-1',
    'JOB_PROGRESS job-1 1',
    'JOB_PROGRESS job-1 11',
    'JOB_PROGRESS job-1 21',
    'JOB_PROGRESS job-1 99',
    'JOB_PROGRESS job-2 1',
    'JOB_COMPLETE job-1',
  ]);
});

test('while a system is unreachable, reports wait in order and are delivered once it is back', async (t) => {
  const { clock, place, dropped, said, reporter } = open(t);
  place.away = true;
  reporter.jobStart('job-1');
  reporter.jobProgress('job-1', 10);
  await clock.turn(20 * 60_000);
  reporter.jobProgress('job-1', 20);
  reporter.jobFailed('job-1', 'no audio');
  reporter.jobStart('job-2');
  await clock.turn(1000);
  assert.deepEqual(place.lines, []);
  place.away = false;
  await clock.turn(30_000);
  assert.deepEqual(place.lines, [
    'JOB_START job-1',
    'JOB_PROGRESS job-1 10',
    'JOB_PROGRESS job-1 20',
    'JOB_FAILED job-1',
    'JOB_START job-2',
  ]);
  const [first] = place.attempts;
  const again = place.attempts.filter((batch) => batch === first).length;
  assert.ok(again > 40 && again < 60, `attempts are at most 30 s apart; there were ${again} in 20 minutes`);
  assert.deepEqual(dropped, []);
  assert.match(said[0]!, /^transcription-monitor: place:: nobody is there; 2 reports waiting$/);
  assert.ok(said.length <= 22, `it warned ${said.length} times in 21 minutes`);
  const before = said.length;
  await clock.turn(120_000);
  assert.equal(said.length, before, 'what is mended is not complained of');
});

test('a full buffer drops the oldest progress, then the oldest report, and warns with the counts', async (t) => {
  const { clock, place, dropped, said, reporter } = open(t, { bufferMax: 6 });
  place.away = true;
  reporter.jobStart('job-0');
  await clock.turn(10);
  for (const n of [1, 2, 3]) {
    reporter.jobStart(`job-${n}`);
    reporter.jobProgress(`job-${n}`, n);
    reporter.jobProgress(`job-${n}`, n * 10);
  }
  reporter.jobComplete('job-1');
  reporter.jobComplete('job-2');
  reporter.jobComplete('job-3');
  assert.deepEqual(
    dropped.map(({ reason, event }) => `${reason} ${event?.event} ${event?.job_id} ${event?.percentage ?? ''}`.trim()),
    ['full JOB_PROGRESS job-1 10', 'full JOB_PROGRESS job-2 20', 'full JOB_PROGRESS job-3 30', 'full JOB_START job-1'],
  );
  assert.equal(reporter.dropped.full, 4);
  place.away = false;
  await clock.turn(60_000);
  assert.deepEqual(place.lines, [
    'JOB_START job-0',
    'JOB_START job-2',
    'JOB_START job-3',
    'JOB_COMPLETE job-1',
    'JOB_COMPLETE job-2',
    'JOB_COMPLETE job-3',
  ]);
  assert.match(said.at(-1)!, /JOB_START of job-1: the buffer is full.*4 dropped \(full\)/);
  assert.ok(said.length <= 2, said.join('\n'));
});

test('a buffer is also bounded in bytes', async (t) => {
  const { clock, place, dropped, reporter } = open(t, { bufferBytesMax: 500_000 });
  place.away = true;
  for (let n = 0; n < 4; n += 1) reporter.jobStart(`job-${n}`, { extra: { why: 'x'.repeat(150_000) } });
  assert.deepEqual(
    dropped.map(({ event }) => event?.job_id),
    ['job-0'],
  );
  place.away = false;
  await clock.turn(10);
  for (let n = 4; n < 7; n += 1) reporter.jobStart(`job-${n}`, { extra: { why: 'x'.repeat(150_000) } });
  assert.equal(dropped.length, 1);
});

test('a hundred thousand undeliverable jobs take no more memory than the buffer', async (t) => {
  const { place, reporter } = open(t, { bufferMax: 1000 });
  place.away = true;
  for (let n = 0; n < 100_000; n += 1) reporter.jobProgress(`job-${n}`, 1);
  assert.equal(reporter.dropped.full, 99_000);
});

test('no argument makes a reporter throw, and unusable reports are counted', async (t) => {
  const { clock, place, dropped, reporter } = open(t, {
    onDropped: () => {
      throw new Error('theirs');
    },
    warn: () => {
      throw new Error('theirs, too');
    },
  });
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  reporter.jobStart('   ');
  reporter.jobStart(undefined as never);
  reporter.jobProgress('job-1', Number.NaN);
  reporter.jobStart('job-1', null as never);
  assert.equal(reporter.dropped.unusable, 4);
  reporter.jobStart('job-1', { extra: circular, audioDuration: -5 });
  reporter.jobProgress('job-1', 250, { stage: 7 as never });
  reporter.jobFailed('job-1', circular);
  reporter.jobFailed('job-2', undefined);
  reporter.jobFailed('job-3', `a\u0000b\ud800${'x'.repeat(5000)}`);
  await clock.turn(10);
  const [start, progress, one, two, three] = place.told;
  assert.deepEqual([start?.event.audio_duration, Object.keys(start!.extra)], [undefined, ['extra_left_out']]);
  assert.deepEqual([progress?.event.percentage, progress?.event.stage], [100, undefined]);
  assert.ok(one?.event.error && two?.event.error);
  assert.deepEqual([three?.event.error?.slice(0, 4), three?.event.error?.length], ['ab\ufffdx', 3999]);
  assert.deepEqual(dropped, []);
});

test('the message of a failure is found in whatever was thrown', async (t) => {
  const { clock, place, reporter } = open(t);
  class Odd {
    toString(): string {
      throw new Error('no text');
    }
  }
  const hostile = new Proxy(new Error('hidden'), {
    get() {
      throw new Error('no access');
    },
  });
  const thrown = [new Error('boom'), new RangeError(), { message: 'from elsewhere' }, { code: 7 }, new Odd(), hostile];
  for (const [n, error] of [...thrown, 42, null].entries()) reporter.jobFailed(n, error);
  await clock.turn(10);
  assert.deepEqual(
    place.told.map(({ event }) => event.error),
    [
      'boom',
      'RangeError',
      'from elsewhere',
      '{"code":7}',
      'an error of type Odd',
      'the error can’t be converted to text',
      '42',
      'null',
    ],
  );
});

test('values of 50 MB are cut before they are encoded', async (t) => {
  const { clock, place, reporter } = open(t);
  const much = 'x'.repeat(50_000_000);
  let encoded = 0;
  const counted = { toJSON: () => (encoded += 1) };
  reporter.jobFailed('job-1', new Error(much), { extra: { trace: much, counted } });
  reporter.jobFailed('job-2', { much, counted });
  await clock.turn(10);
  assert.deepEqual(
    place.told.map(({ event, extra }) => [event.error?.length, Object.keys(extra)]),
    [
      [4000, ['extra_left_out']],
      ['an error of type Object'.length, []],
    ],
  );
  assert.equal(encoded, 0);
});

test('any text and any integer names a job; reports carry the name, and an id for where only an id can stand', async (t) => {
  const { clock, place, reporter } = open(t);
  const names = ['meeting.mp3', 'in/a b.wav', '🎧', 42, 9_007_199_254_740_993n, 'x'.repeat(500)];
  for (const name of names) reporter.jobStart(name);
  await clock.turn(10);
  assert.deepEqual(
    place.told.map(({ job_id, event, sighting }) => [job_id, event.job_id, sighting.job_id]),
    names.map((name) => [reportedId(name)!.job_id, String(name), String(name)]),
  );
});

test('a refused report is not sent again and does not block others', async (t) => {
  const { clock, place, dropped, reporter } = open(t);
  place.refuses = ({ event }) => event.job_id === 'job-1';
  reporter.jobStart('job-1');
  reporter.jobStart('job-2');
  await clock.turn(120_000);
  assert.deepEqual(place.lines, ['JOB_START job-2']);
  assert.equal(place.attempts.length, 1);
  assert.deepEqual([dropped[0]?.reason, dropped[0]?.why, reporter.dropped.refused], ['refused', 'not wanted', 1]);
});

test('flush sends reports that are not due yet and resolves to whether they were delivered', async (t) => {
  const { clock, place, reporter } = open(t);
  reporter.jobProgress('job-1', 1);
  assert.equal(await reporter.flush(), true);
  reporter.jobProgress('job-1', 2);
  assert.equal(await reporter.flush(), true);
  assert.deepEqual(place.lines, ['JOB_PROGRESS job-1 1', 'JOB_PROGRESS job-1 2']);
  place.silent = true;
  reporter.jobProgress('job-1', 3);
  const flushed = reporter.flush(2000);
  await clock.turn(2000);
  assert.equal(await flushed, false);
});

test('close ends within its time, and counts the reports not delivered by then', async (t) => {
  const { clock, place, dropped, said, reporter } = open(t);
  place.silent = true;
  reporter.jobStart('job-1');
  await clock.turn(10);
  reporter.jobComplete('job-1');
  const closed = reporter.close(3000);
  await clock.turn(3000);
  await closed;
  reporter.jobStart('job-2');
  assert.deepEqual(
    dropped.map(({ reason, event }) => `${reason} ${event?.event} ${event?.job_id}`),
    ['closed JOB_START job-1', 'closed JOB_COMPLETE job-1', 'closed JOB_START job-2'],
  );
  assert.equal(place.closed, 1);
  assert.match(said.at(-1)!, /2 dropped \(closed\)/);
});

test('a clock that is set back does not make reports older', async (t) => {
  const { clock, place, reporter } = open(t);
  reporter.jobStart('job-1');
  await clock.turn(1000);
  clock.ahead_ms = -3_600_000;
  reporter.jobProgress('job-1', 50);
  reporter.jobComplete('job-1');
  await clock.turn(10);
  assert.deepEqual(
    place.told.map(({ sighting }) => sighting.told_ms),
    [START_MS, START_MS, START_MS],
  );
});

test('batches are cut by number and by size', async (t) => {
  const { clock, place, reporter } = open(t);
  for (let n = 0; n < 1200; n += 1) reporter.jobStart(`job-${n}`);
  for (let n = 0; n < 6; n += 1) reporter.jobFailed(`job-${n}`, 'x', { extra: { trace: 'y'.repeat(190_000) } });
  reporter.jobFailed('job-7', 'x', { extra: { trace: 'y'.repeat(300_000) } });
  await clock.turn(10);
  assert.equal(place.told.length, 1207);
  for (const batch of place.attempts) {
    const bytes = batch.reduce((sum, report) => sum + report.bytes, 0);
    assert.ok(batch.length <= 500 && bytes <= 512 * 1024, `${batch.length} reports, ${bytes} bytes`);
  }
  assert.deepEqual(place.told.at(-1)?.extra, { extra_left_out: 'it is not JSON of at most 204800 bytes' });
});

test('an unsupported URL and a worker without a name throw at once', () => {
  assert.throws(() => Reporter.fromUrl('ftp://host', { workerId: 'w' }), { name: 'SystemUrlError' });
  assert.throws(() => Reporter.fromUrl('log:', { workerId: '' }), { name: 'TypeError' });
  assert.throws(() => Reporter.fromUrl('sqlite:jobs.db', { workerId: 'w'.repeat(51) }), {
    name: 'SinkError',
    hint: 'use a name of at most 50 characters',
  });
});
