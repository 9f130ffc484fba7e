/** The jobs that messages of others submit, and that each message becomes its jobs once. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MonitorError } from '../../../protocol/errors.ts';
import { JobSubmission } from '../../../protocol/job.ts';
import { validator } from '../../api/validation.ts';
import { Monitor } from '../../state-machine/testing.ts';
import type { Received } from '../message-queue.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import { readIngestRules } from './rules.ts';
import { understand } from './understand.ts';

const submissionOf = validator<JobSubmission>(JobSubmission);
const validate = (value: unknown) => {
  const checked = submissionOf(value);
  return 'errors' in checked ? { why: checked.errors.map(({ field }) => field).join() } : checked;
};

const RULES = await readIngestRules(
  '[{"prefix": "s3://bucket/calls/", "suffix": ".mp3", "options": {"priority": "high", "tags": ["calls"]}}, {"prefix": "s3://bucket/", "options": {"priority": "low"}}]',
  validate,
);
const OWN = ['s3://bucket/transcripts/'];

function read(body: unknown, message_id = 'm1') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return understand({ message_id, receipt: 'r', body: text }, { rules: RULES, own_urls: OWN, validate });
}

function jobsOf(body: unknown, message_id?: string) {
  const understood = read(body, message_id);
  assert.ok('jobs' in understood, 'why' in understood ? understood.why : '');
  return understood.jobs;
}

function whyNot(body: unknown): string {
  const understood = read(body);
  assert.ok('why' in understood, 'it was understood');
  return understood.why;
}

const record = (key: string, more: object = {}, eventName = 'ObjectCreated:Put') => ({
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  eventName,
  s3: {
    bucket: { name: 'bucket' },
    object: { key, size: 1024, eTag: 'd41d8', sequencer: '0055AED6DCD90281E5', ...more },
  },
});

const event = (...records: object[]) => ({ Records: records });

const viaSns = (body: object) => ({
  Type: 'Notification',
  MessageId: 'n',
  TopicArn: 'arn:aws:sns:…',
  Message: JSON.stringify(body),
});

const viaEventBridge = (key: string) => ({
  version: '0',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  detail: { bucket: { name: 'bucket' }, object: { key, size: 1024, etag: 'd41d8', sequencer: '0055AED6DCD90281E5' } },
});

test('a submission may have every field, and its job’s id follows from the message', () => {
  const body = { audio_url: 's3://b/a.mp3', priority: 'high', metadata: { caller: '7' } };
  const [job] = jobsOf(body, 'm1');
  assert.deepEqual({ ...job, job_id: '' }, { ...body, job_id: '' });
  assert.deepEqual(jobsOf(body, 'm1'), [job]);
  assert.notEqual(jobsOf(body, 'm2')[0]!.job_id, job!.job_id);
});

test('an S3 event means the same job whether it comes from S3, through SNS or through EventBridge', () => {
  const direct = jobsOf(event(record('calls/a+b%28c%29.mp3')), 'm1');
  assert.equal(direct[0]!.audio_url, 's3://bucket/calls/a b(c).mp3');
  assert.equal(direct[0]!.file_size_bytes, 1024);
  assert.deepEqual(jobsOf(viaSns(event(record('calls/a+b%28c%29.mp3'))), 'm2'), direct);
  assert.deepEqual(jobsOf(viaEventBridge('calls/a b(c).mp3'), 'm3'), direct);
});

test('each object created becomes a job; one that is written again becomes another', () => {
  const jobs = jobsOf(event(record('a.mp3'), record('b.mp3'), record('a.mp3', { sequencer: '0055AED6DCD90281E6' })));
  assert.equal(new Set(jobs.map(({ job_id }) => job_id)).size, 3);
});

test('objects other than recordings, and events other than creations, make no job', () => {
  for (const key of ['calls/', 'a.json', 'a.TXT', 'transcripts/a.srt'])
    assert.deepEqual(jobsOf(event(record(key))), []);
  assert.deepEqual(jobsOf(event(record('a.mp3', {}, 'ObjectRemoved:Delete'))), []);
  assert.deepEqual(jobsOf({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'bucket' }), []);
});

test('the first rule that a recording matches gives its options; without one it has the defaults', () => {
  const options = (key: string) => {
    const [{ priority = null, tags = null } = {}] = jobsOf(event(record(key)));
    return [priority, tags];
  };
  assert.deepEqual(options('calls/a.mp3'), ['high', ['calls']]);
  assert.deepEqual(options('calls/a.wav'), ['low', null]);
  const { s3, ...rest } = record('a.mp3');
  const elsewhere = event({ ...rest, s3: { ...s3, bucket: { name: 'other' } } });
  assert.equal(jobsOf(elsewhere)[0]!.priority, undefined);
});

test('an invalid message is refused with the reason', () => {
  assert.equal(whyNot('hello'), 'it is not JSON');
  assert.match(whyNot('null'), /neither/);
  assert.match(whyNot({ Records: [{ eventSource: 'aws:ses' }] }), /neither/);
  assert.match(whyNot({ audio_url: 'ftp://x' }), /audio_url/);
  assert.match(whyNot({ audio_url: 's3://b/a.mp3', prioritiy: 'high' }), /prioritiy/);
});

test('rules may be in a file; wrong ones are refused with their number', async () => {
  const file = join(tmpdir(), `ingest-rules-${process.pid}.json`);
  await writeFile(file, '[{"suffix": ".wav"}]');
  assert.deepEqual(await readIngestRules(file, validate), [{ prefix: '', suffix: '.wav', options: {} }]);
  const wrong = {
    '/no/such/file': /can't be read/,
    '[': /not JSON/,
    '[3]': /rule 1 is not an object/,
    '[{}, {"prefx": ""}]': /rule 2 has an unknown field prefx/,
    '[{"options": {"priority": "urgent"}}]': /rule 1: \/priority/,
  };
  for (const [setting, message] of Object.entries(wrong)) {
    await assert.rejects(readIngestRules(setting, validate), (error: MonitorError) => {
      assert.match(error.message, message);
      return error instanceof MonitorError && error.kind === 'invalid';
    });
  }
});

function intakeOf(options: Partial<IntakeOptions> = {}) {
  const monitor = new Monitor();
  const logged: string[] = [];
  const engine = {
    get state() {
      return monitor.state;
    },
    submit: async ({ id, body }: { id: string; body: Parameters<Monitor['run']>[0] }) => {
      const { refusal } = monitor.run(body, { id });
      if (refusal) throw new Error(refusal.message);
      return { seq: 1, refs: [], replayed: false };
    },
  };
  const intake = new Intake({
    engine: engine as unknown as IntakeOptions['engine'],
    log: (_, message) => logged.push(message),
    url: 'sqs://q',
    understand: (message) => understand(message, { rules: [], own_urls: [], validate }),
    archived: async () => false,
    check: async () => new Map(),
    ...options,
  });
  return { intake, monitor, logged };
}

const message = (body: unknown, message_id = 'm1'): Received => ({
  message_id,
  receipt: 'r',
  body: JSON.stringify(body),
});

test('a message that is delivered twice, or whose event was sent twice, makes one job', async () => {
  const { intake, monitor } = intakeOf();
  assert.equal(await intake.take(message({ audio_url: 's3://b/a.mp3' })), 'delete');
  assert.equal(await intake.take(message({ audio_url: 's3://b/a.mp3' })), 'delete');
  assert.equal(await intake.take(message(event(record('a.mp3')), 'm2')), 'delete');
  assert.equal(await intake.take(message(viaSns(event(record('a.mp3'), record('a.mp3'))), 'm3')), 'delete');
  assert.equal(monitor.state.tables.jobs.size, 2);
});

test('a job that has left memory is not created again', async () => {
  const { intake, monitor } = intakeOf({ archived: async () => true });
  assert.equal(await intake.take(message({ audio_url: 's3://b/a.mp3' })), 'delete');
  assert.equal(monitor.state.tables.jobs.size, 0);
});

test('an invalid message is left, logged once and counted once', async () => {
  const { intake, logged } = intakeOf();
  assert.equal(await intake.take(message('hello')), 'leave');
  assert.equal(await intake.take(message('hello')), 'leave');
  assert.equal(await intake.take(message({ audio_url: 'x' }, 'm2')), 'leave');
  assert.equal(intake.not_understood, 2);
  assert.deepEqual(logged, [
    'queue sqs://q: message m1 is left to the redrive policy: it is neither a submission with audio_url nor an S3 event',
    'queue sqs://q: message m2 is left to the redrive policy: /audio_url',
  ]);
});
