/** Keys: each is parsed back, and no id, however odd, makes a key that equals another's or is outside the layout. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isId } from '../../protocol/ids.ts';
import { assertKey } from '../objects/store.ts';
import {
  activeAlertKey,
  activeJobKey,
  archivedAlertKey,
  archivedJobKey,
  archivedPeriodsKey,
  archivedWorkerKey,
  closedHourKey,
  currentJobKey,
  dayKey,
  deadLetterKey,
  finishedJobKey,
  HEALTH_KEY,
  hourKey,
  nameHour,
  parseArchiveKey,
  parseFinishedJobKey,
  parseHour,
  parseTerminatedWorkerKey,
  queueKey,
  resolvedAlertKey,
  subjectOf,
  terminatedWorkerKey,
  workerJobKey,
  workerKey,
} from './keys.ts';

const AT = Date.parse('2025-07-07T19:30:00Z');
const HOUR = AT / 3_600_000 - 0.5;
const DAY = Math.floor(AT / 86_400_000);

/** Every key that an id makes. */
const keysOf = (id: string): string[] => [
  activeJobKey(id, 'state'),
  finishedJobKey('COMPLETED', AT, id),
  finishedJobKey('FAILED', AT, id),
  deadLetterKey(id),
  workerKey(id, 'status'),
  currentJobKey(id),
  workerJobKey('w', id),
  workerJobKey(id, 'j'),
  terminatedWorkerKey(id, AT),
  activeAlertKey(id),
  resolvedAlertKey(id, AT),
  archivedJobKey(id),
  archivedWorkerKey(id, AT),
  archivedAlertKey(id),
];

test('[A6] the keys are those of the documents', () => {
  assert.deepEqual(
    [
      activeJobKey('job-abc123', 'state'),
      finishedJobKey('COMPLETED', AT, 'job-abc123'),
      deadLetterKey('job-abc123'),
      currentJobKey('worker-123'),
      workerJobKey('worker-123', 'job-abc123'),
      terminatedWorkerKey('worker-123', AT),
      activeAlertKey('alert-001'),
      resolvedAlertKey('alert-001', AT),
      queueKey('main'),
      queueKey('dlq'),
      hourKey(HOUR),
      dayKey(DAY),
      closedHourKey(HOUR),
    ],
    [
      'jobs/active/job-abc123/state.json',
      'jobs/completed/2025/07/07/hour=19/job-abc123.json',
      'jobs/failed/job-abc123/state.json',
      'workers/active/worker-123/jobs/current.json',
      'workers/active/worker-123/jobs/history/job-abc123.json',
      'workers/terminated/worker-123-20250707.json',
      'alerts/active/alert-001.json',
      'alerts/resolved/2025/07/07/alert-001.json',
      'queues/main-queue.json',
      'queues/dead-letter-queue.json',
      'system/metrics/2025/07/07/hourly/19.json',
      'system/metrics/daily/2025-07-07.json',
      'metrics/hourly/2025/07/07/19.json',
    ],
  );
});

test('every key is parsed to the subject that it was made of', () => {
  for (const id of [
    'job-1',
    'active',
    'failed',
    '2025',
    'jobs',
    'history',
    'current',
    'a-20250707',
    'a-20250707-20250708',
  ]) {
    for (const key of [
      activeJobKey(id, 'timeline'),
      finishedJobKey('CANCELLED', AT, id),
      deadLetterKey(id),
      workerJobKey('w', id),
    ])
      assert.deepEqual(subjectOf(key), { kind: 'job', id }, key);
    for (const key of [workerKey(id, 'heartbeat'), currentJobKey(id), terminatedWorkerKey(id, AT)])
      assert.deepEqual(subjectOf(key), { kind: 'worker', id }, key);
    for (const key of [activeAlertKey(id), resolvedAlertKey(id, AT)])
      assert.deepEqual(subjectOf(key), { kind: 'alert', id }, key);
    assert.deepEqual(parseFinishedJobKey(finishedJobKey('FAILED', AT, id)), {
      state: 'FAILED',
      hour: HOUR,
      job_id: id,
    });
    assert.deepEqual(parseTerminatedWorkerKey(terminatedWorkerKey(id, AT)), {
      worker_id: id,
      terminated_ms: DAY * 86_400_000,
    });
    assert.deepEqual(parseArchiveKey(archivedJobKey(id)), { kind: 'job', id });
    assert.deepEqual(parseArchiveKey(archivedAlertKey(id)), { kind: 'alert', id });
    assert.deepEqual(parseArchiveKey(archivedWorkerKey(id, AT)), {
      kind: 'worker',
      id,
      terminated_ms: DAY * 86_400_000,
    });
  }
  for (const key of [hourKey(HOUR), closedHourKey(HOUR)]) {
    assert.deepEqual(subjectOf(key), { kind: 'hour', id: String(HOUR) });
  }
  assert.deepEqual(subjectOf(dayKey(DAY)), { kind: 'day', id: String(DAY) });
  assert.deepEqual(parseArchiveKey(archivedPeriodsKey(DAY)), { kind: 'periods', day: DAY });
  assert.deepEqual(subjectOf(queueKey('dlq')), { kind: 'queues', id: '' });
  assert.deepEqual(subjectOf(HEALTH_KEY), { kind: 'health', id: '' });
});

test('other keys have no subject', () => {
  for (const key of [
    'jobs/notes.txt',
    'jobs/active/-x/state.json',
    'jobs/active/job-1/audio.mp3',
    'jobs/active/job-1/state.json.bak',
    'jobs/active/job-1/more/state.json',
    'jobs/completed/job-1/state.json',
    'workers/active/worker-1/notes.json',
    'workers/active/worker-1/jobs/history/more/job-1.json',
    'alerts/resolved/alert-1.json',
    'alerts/resolved/2025/02/31/alert-1.json',
    'system/health.json.bak',
    'jobs/completed/2025/07/07/hour=19/.json',
    'workers/terminated/worker-1.json',
    'workers/terminated/-20250707.json',
    'system/metrics/2025/07/07/hourly/19.txt',
    'system/metrics/daily/today.json',
    'metrics/daily/2025-07-07.json',
    'alerts/001.json',
    'queues/other.json',
    'meta/views.json',
    'journal/00000000000000000001.ndjson',
  ]) {
    assert.equal(subjectOf(key), null, key);
  }
});

test('names of hours are parsed back', () => {
  assert.equal(nameHour(HOUR), '2025-07-07T19');
  assert.equal(parseHour('2025-07-07T19'), HOUR);
  for (const name of [
    '',
    '2025-07-07',
    '2025-07-07T24',
    '2025-02-31T00',
    '2025-13-01T00',
    '2025-7-7T19',
    '2025-07-07T19:00',
  ]) {
    assert.equal(parseHour(name), null, name);
  }
});

test('100,000 odd ids make keys inside the layout, without truncation or collision', () => {
  const odd = 'b B 1 x job -- 20250707 -20250707 . .. / \\ %2e - _ A a 0 é 😀 ..json hour= __proto__'.split(' ');
  odd.push('\0', ' ', '\n');
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const ids = new Set<string>();
  while (ids.size < 100_000) {
    ids.add(Array.from({ length: 1 + random(6) }, () => odd[random(odd.length)]!).join(''));
  }
  const made = new Set<string>();
  let good = 0;
  for (const id of ids) {
    if (!isId(id)) {
      assert.throws(() => activeJobKey(id, 'state'), RangeError);
      continue;
    }
    good += 1;
    for (const key of keysOf(id)) {
      assertKey(key);
      assert.ok(!made.has(key), key);
      made.add(key);
    }
  }
  assert.ok(good > 500 && good < 50_000, `${good} good ids`);
});
