import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LoggedEvent } from '../../protocol/log-line.ts';
import { mergeSightings, type Sighting, sightingOf } from '../../protocol/sighting.ts';
import { makeLog } from '../../test/logs/make-log.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { randomOf } from '../../test/random.ts';
import type { DatedEvent } from './dated-event.ts';
import { foldEvents } from './fold.ts';
import { LINE_BYTES_MAX, LineScanner, type Scanned } from './scan.ts';

/** Everything, in chunks of a fixed size. */
function scan(bytes: Buffer, chunkBytes = bytes.length || 1): Scanned {
  const scanner = new LineScanner();
  const all: Scanned = { events: [], unreadable: [], looked_at: 0, undated: 0, without_zone: false };
  const add = ({ events, unreadable, looked_at, undated }: Scanned) => {
    for (const event of events) all.events.push(event);
    all.unreadable.push(...unreadable);
    all.looked_at += looked_at;
    all.undated += undated;
  };
  for (let at = 0; at < bytes.length; at += chunkBytes) add(scanner.push(bytes.subarray(at, at + chunkBytes)));
  add(scanner.takeHalf());
  return all;
}

const ids = ({ events }: Scanned) => events.map(({ job_id }) => job_id);

test('counts are those of grep -c, whatever the chunks', (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const made = makeLog(path, { lines: 100_000, seed: 5 });
  const bytes = readFileSync(path);
  const grep = (pattern: string) => Number(execFileSync('grep', ['-c', pattern, path], { encoding: 'utf8' }));
  for (const chunkBytes of [1 << 20, 4099]) {
    const scanned = scan(bytes, chunkBytes);
    const count = (event: string) => scanned.events.filter((one) => one.event === event).length;
    assert.equal(scanned.looked_at, 100_000);
    assert.deepEqual(scanned.unreadable, []);
    for (const [event, expected] of [
      ['JOB_START', made.starts],
      ['JOB_PROGRESS', made.progresses],
      ['JOB_COMPLETE', made.completed],
      ['JOB_FAILED', made.failed],
    ] as const) {
      assert.equal(count(event), grep(event), event);
      assert.equal(count(event), expected, event);
    }
    const { sightings } = foldEvents(scanned.events as DatedEvent[], 0);
    const ended = (state: string) => sightings.filter((one) => one.state === state).length;
    assert.equal(sightings.length, made.starts);
    assert.equal(ended('COMPLETED'), made.completed);
    assert.equal(ended('FAILED'), made.failed);
  }
});

test('a chunk may end anywhere, in the middle of a character too', () => {
  const lines = [
    'é音🎧 JOB_START job_id=a worker_id=b',
    '',
    'JOB_FAILED job_id=a error=déjà vu 音 🎧',
    'noise',
    'TRANSCRIPTION_EVENT {"event": "JOB_COMPLETE", "job_id": "b", "s3_path": "s3://é/音"}',
  ];
  const bytes = Buffer.from(lines.join('\r\n'));
  const whole = scan(bytes);
  assert.deepEqual(ids(whole), ['a', 'a', 'b']);
  assert.equal(whole.events[1]!.error, 'déjà vu 音 🎧');
  assert.equal(whole.events[2]!.s3_path, 's3://é/音');
  for (let chunkBytes = 1; chunkBytes < 40; chunkBytes += 1) assert.deepEqual(scan(bytes, chunkBytes), whole);
});

test('invalid UTF-8 and binary data around a line do not lose it', () => {
  const junk = Buffer.from([0, 255, 254, 0x80, 0xc3, 10, 0xff, 0]);
  const line = Buffer.from('JOB_PROGRESS job_id=a percentage=45\n');
  const bad = Buffer.concat([Buffer.from('JOB_FAILED job_id=b error=caf'), Buffer.from([0xe9]), Buffer.from('\n')]);
  const scanned = scan(Buffer.concat([junk, line, junk, line, bad]), 7);
  assert.deepEqual(ids(scanned), ['a', 'a', 'b']);
  assert.equal(scanned.events[2]!.error, 'caf\ufffd');
});

test('malformed and cut lines are counted, with the number of their line', () => {
  const text = 'noise\nJOB_PROGRESS job_id=a\nJOB_START job_id=a worker_id=b\n\nTRANSCRIPTION_EVENT {"ev\n';
  const { events, unreadable, looked_at } = scan(Buffer.from(text), 11);
  assert.equal(looked_at, 5);
  assert.equal(events.length, 1);
  assert.deepEqual(
    unreadable.map(({ where }) => where),
    ['line 2', 'line 5'],
  );
});

test('a line of 1 MiB is read, and a line over the limit is skipped and reported', () => {
  const long = (bytes: number) => `${'x'.repeat(bytes)} JOB_START job_id=a worker_id=b\n`;
  const next = 'JOB_START job_id=b worker_id=b\n';
  const fits = scan(Buffer.from(long(1 << 20) + next), 64 * 1024);
  assert.deepEqual(ids(fits), ['a', 'b']);
  const tooLong = scan(Buffer.from(`first\n${long(3 * LINE_BYTES_MAX)}${next}`), 64 * 1024);
  assert.deepEqual(ids(tooLong), ['b']);
  assert.deepEqual(tooLong.unreadable, [{ where: 'line 2', why: 'longer than 2 MiB: skipped' }]);
  assert.equal(tooLong.looked_at, 3);
});

test('folding events equals merging their sightings one by one', () => {
  const random = randomOf(11);
  const names = ['JOB_START', 'JOB_PROGRESS', 'JOB_PROGRESS', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_FAILED'] as const;
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  for (let round = 0; round < 300; round += 1) {
    const events = Array.from({ length: 30 }, (): DatedEvent => {
      const event = pick(names);
      const told = event === 'JOB_START' ? [null] : [null, Math.floor(random() * 100)];
      return {
        ...empty,
        event,
        job_id: pick(['a', 'b', 'c']),
        timestamp_ms: Math.floor(random() * 40),
        worker_id: pick([null, 'w1', 'w2']),
        percentage: pick(told),
        stage: pick([null, 'TRANSCRIBING']),
        error: pick([null, 'bad']),
      };
    });
    const merged = new Map<string, Sighting>();
    for (const event of events) {
      const told = sightingOf(event, event.timestamp_ms);
      const known = merged.get(event.job_id);
      merged.set(event.job_id, known === undefined ? told : mergeSightings(known, told));
    }
    assert.deepEqual(foldEvents(events, 0).sightings, [...merged.values()]);
  }
});

test('a job reported at the same percentage has not moved since it reached it', () => {
  const at = (timestamp_ms: number, percentage: number): DatedEvent => ({
    ...empty,
    event: 'JOB_PROGRESS',
    job_id: 'a',
    timestamp_ms,
    percentage,
  });
  const { sightings, moved_ms } = foldEvents([at(1, 10), at(2, 45), at(3, 45), at(4, 45)], 0);
  assert.equal(sightings[0]!.told_ms, 4);
  assert.equal(moved_ms.get('a'), 2);
});

const empty: Omit<LoggedEvent, 'event' | 'job_id' | 'timestamp_ms'> = {
  worker_id: null,
  percentage: null,
  stage: null,
  current_chunk: null,
  total_chunks: null,
  eta_seconds: null,
  audio_duration: null,
  duration: null,
  segments: null,
  s3_path: null,
  error: null,
};
