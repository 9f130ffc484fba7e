/** Status files: what is written, and what is read of files that others wrote. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from './sighting.ts';
import { readStatusFile, statusFileKey, writeStatusFile } from './status-file.ts';

const TOLD_MS = Date.UTC(2025, 6, 7, 19, 40);
const CHANGED_MS = TOLD_MS + 5000;

const running: Sighting = {
  ...NOTHING_KNOWN,
  job_id: 'job-1',
  state: 'PROCESSING',
  told_ms: TOLD_MS,
  worker_id: 'worker-1',
  started_ms: TOLD_MS - 600_000,
  percentage: 45,
};

test('[B133] a file has the documented fields, and others only if known', () => {
  assert.deepEqual(JSON.parse(writeStatusFile(running)), {
    job_id: 'job-1',
    worker_id: 'worker-1',
    status: 'PROCESSING',
    started_at: '2025-07-07T19:30:00Z',
    percentage: 45,
    updated_at: '2025-07-07T19:40:00Z',
  });
});

test('a file reads back as it was written', () => {
  const complete: Sighting = {
    ...running,
    state: 'COMPLETED',
    ended_ms: TOLD_MS,
    percentage: 100,
    stage: 'UPLOADING',
    audio_duration: 4860,
    duration: 600,
    segments: 150,
    s3_path: 's3://transcripts/job-1.json',
  };
  const failed: Sighting = { ...running, state: 'FAILED', ended_ms: TOLD_MS, error: 'GPU out of memory' };
  for (const sighting of [running, complete, failed]) {
    assert.deepEqual(readStatusFile(writeStatusFile(sighting), 0), sighting);
  }
});

test('[B133] a documented file is read: its time has no zone, and its report time is the file’s modification time', () => {
  const printed =
    '{"job_id": "job-1", "worker_id": "worker-1", "status": "PROCESSING", "started_at": "2025-07-07T19:30:00.123456", "percentage": 45}';
  assert.deepEqual(readStatusFile(printed, CHANGED_MS), {
    ...running,
    told_ms: CHANGED_MS,
    started_ms: Date.UTC(2025, 6, 7, 19, 30, 0, 123),
  });
});

test('an unusable field does not lose the job', () => {
  const odd = {
    job_id: 'job-1',
    worker_id: 'ip-10-0-0-1.ec2.internal',
    status: 'failed',
    started_at: 'yesterday',
    percentage: '101',
    duration: -1,
    segments: 'many',
    stage: 'transcribing',
    error: 'x'.repeat(5000),
    colour: 'red',
  };
  const read = readStatusFile(JSON.stringify(odd), CHANGED_MS) as Sighting;
  assert.deepEqual(
    { ...read, error: read.error?.length },
    {
      ...running,
      state: 'FAILED',
      told_ms: CHANGED_MS,
      ended_ms: CHANGED_MS,
      started_ms: null,
      worker_id: 'ip-10-0-0-1-ec2-internal',
      percentage: 100,
      stage: 'TRANSCRIBING',
      error: 4000,
    },
  );
});

test('a number beyond what is taken anywhere says nothing, and costs no job', () => {
  const file = { job_id: 'job-1', status: 'COMPLETED', duration: 1e300, audio_duration: 1e9, segments: 1e300 };
  const read = readStatusFile(JSON.stringify({ ...file, percentage: 1e300 }), CHANGED_MS);
  assert.ok('job_id' in read);
  assert.deepEqual([read.duration, read.audio_duration, read.segments, read.percentage], [null, 1e9, null, 100]);
});

test('a file that does not report a job is refused with the reason', () => {
  for (const [text, why] of [
    ['', /^it is empty$/],
    ['{"job_id": "job-1", "sta', /^it is not JSON: /],
    ['[]', /^it is not a JSON object$/],
    ['{"status": "PROCESSING"}', /^it has no job_id$/],
    ['{"job_id": 1.5, "status": "PROCESSING"}', /^its job_id is 1.5, which is neither/],
    ['{"job_id": "job-1"}', /^it has no status$/],
    ['{"job_id": "job-1", "status": "EXPLODED"}', /^its status is "EXPLODED", which is not known/],
  ] as const) {
    const read = readStatusFile(text, CHANGED_MS);
    assert.ok('why' in read, text);
    assert.match(read.why, why);
  }
});

test('numbers that JSON does not know cost their field, not the job', () => {
  const text =
    '{"job_id": "NaN", "status": "failed", "error": "loss is NaN, \\"Infinity\\"", "percentage": NaN, "v": [-Infinity]}';
  const read = readStatusFile(text, CHANGED_MS);
  assert.ok('job_id' in read);
  assert.deepEqual([read.job_id, read.error, read.percentage], ['NaN', 'loss is NaN, "Infinity"', null]);
});

test('a file that ends in the middle is half-written; one that is malformed is not', () => {
  const half = (text: string) => {
    const read = readStatusFile(text, CHANGED_MS);
    return 'why' in read && read.half_written === true;
  };
  for (const text of ['', '  ', '\0\0\0\0', '{', '{"job_id": "job-1"', '{"job_id": "a", "v": [{"x": 1}'])
    assert.ok(half(text), text);
  for (const text of ["{'job_id': 'a'}", '{"job_id": "a", "status": "ASLEEP"}', '[]', '{"a": 1}}']) {
    assert.equal(half(text), false, text);
  }
});

test('a file that does not name its job is about the job that its own name says', () => {
  const read = readStatusFile('{"status": "cancelled"}', CHANGED_MS, { name: 'talks-1' });
  assert.ok('job_id' in read);
  assert.deepEqual([read.job_id, read.state, read.error], ['talks-1', 'FAILED', 'cancelled']);
});

test('[B134] keys are jobs/{job_id}.json', () => {
  assert.equal(statusFileKey('job-1'), 'jobs/job-1.json');
});

test('a job of any name has an id, and its file keeps the name', () => {
  for (const job_id of ['meeting.mp3', '../etc/passwd', '🎙 interview', 42, 'x'.repeat(1024)]) {
    const read = readStatusFile(JSON.stringify({ job_id, status: 'FAILED' }), CHANGED_MS);
    assert.ok('job_id' in read, String(job_id));
    assert.match(statusFileKey(read.job_id), /^jobs\/[A-Za-z0-9_-]{1,64}\.json$/);
    const written = writeStatusFile(read);
    assert.equal(JSON.parse(written).job_id, String(job_id));
    assert.equal('reported_id' in JSON.parse(written), false);
    assert.deepEqual(readStatusFile(written, CHANGED_MS), read);
  }
});
