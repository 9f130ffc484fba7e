/**
 * The monitor's whole request surface against the policies of the template: nothing that it does is denied, and no
 * right is unused. Behaviour within minutes runs on S3 (moto) behind the enforcing proxy; behaviour over days on a
 * store in memory, whose calls correspond one to one to the requests of `S3Store`.
 */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import { sweepColumns } from '../../server/analytics/columns/sweeping.ts';
import { AuditKeeper } from '../../server/audit/keeping.ts';
import { systemClock } from '../../server/clock.ts';
import { acceptLossIn } from '../../server/doctor.ts';
import { eraseJobs } from '../../server/erasure/erase.ts';
import { Erasing } from '../../server/erasure/erasing.ts';
import { SNAPSHOTS } from '../../server/journal/keys.ts';
import { truncate } from '../../server/journal/truncation.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import { S3Store } from '../../server/objects/s3.ts';
import type { ObjectStore } from '../../server/objects/store.ts';
import { TurnedClock } from '../../server/testing-clock.ts';
import { UploadCleanup } from '../../server/uploads/cleanup.ts';
import { Uploads } from '../../server/uploads/uploads.ts';
import { submitOwn } from '../../server/views/own-command.ts';
import { HISTORY, HISTORY_SETTINGS, HISTORY_START, play } from '../../server/views/testing-history.ts';
import { openOldStore, type StoreCall, TestMonitor, WatchedStore } from '../../server/views/testing-monitor.ts';
import { runTmon, startTestMonitor } from '../processes/tmon.ts';
import { asPrincipal, deployFullSystem, enforcePolicies, statementsOf } from './full-system.ts';
import { type AwsRequest, evaluate, patternsUsed } from './policy.ts';

const system = await deployFullSystem({ after });
const { outputs, ids, client, stack } = system;
const proxy = await enforcePolicies({ after }, system);
const identity = statementsOf(stack, 'ServerRole', ids);
const environment = asPrincipal(proxy, 'server');
const store_url = `s3://${ids.Bucket}/tmon`;

/** Requests that succeeded in the other tests of this file. */
const done: AwsRequest[] = [];

const openS3 = (access: string) =>
  S3Store.open({
    bucket: ids.Bucket!,
    prefix: 'tmon',
    client: {
      endpoint: proxy.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: access, secretAccessKey: 'secret' },
    },
  });

const SEEN_SOON = {
  view_transition_ms: 1,
  view_worker_ms: 1,
  view_sums_ms: 1,
  view_progress_ms: 1,
  view_heartbeat_ms: 1,
};

test('[S34] the monitor starts, works, launches workers, follows its queue and stops with the rights of its role', async (t) => {
  const [, fleet = ''] = /--fleet '([^']+)'/.exec(outputs.ServeCommand!)!;
  const source = `sqs://${outputs.QueueName}`;
  await report(source);
  const settings = { store: store_url, fleet, source, source_poll_ms: 50, snapshot_segments: 1, ...SEEN_SOON };
  const monitor = await startTestMonitor(t, settings, environment);
  const { api } = monitor;
  const { audio_url } = await api.uploads.create({ name: 'a.wav', body: new Uint8Array(1000) });
  for (const [worker, fails] of [
    ['worker-a', false],
    ['worker-b', true],
  ] as const) {
    const { id } = await api.jobs.submit({ audio_url });
    await api.workers.register(worker, { capabilities: { model: 'test' } });
    const { jobs } = await api.workers.claim(worker, { max_jobs: 1, wait_seconds: 5 });
    const lease_token = jobs[0]!.lease.token;
    await api.jobs.reportProgress(id, { lease_token, percentage: 45, stage: 'transcribing' });
    if (fails)
      await api.jobs.fail(id, { lease_token, error: { code: 'audio_unreadable', message: 'x', retryable: false } });
    else {
      const { already_there: _, ...output } = await api.jobs.putTranscript(id, lease_token, TRANSCRIPT);
      await api.jobs.complete(id, { lease_token, output });
    }
  }
  const launched = await api.workers.launch();
  assert.match(launched.instance_id ?? '', /^i-/);
  await api.workers.restart(launched.worker_id);
  await api.workers.terminate(launched.worker_id);
  for await (const { state, percentage } of api.jobs.watch('job-reported', { pollMs: 20 }))
    if (state === 'PROCESSING' && percentage === 45) break;
  // Before it receives again from a queue in which it has found a waiting job.
  await proxy.requested('sqs:GetQueueAttributes');
  const ended = await monitor.stop();
  assert.equal(ended.code, 0, ended.stderr);
  // Denied requests of the background would be retried for ever: there must have been none.
  assertNothingDenied();
});

const TRANSCRIPT = {
  text: 'hello',
  language: 'en',
  duration_seconds: 3,
  engine: 'test',
  segments: [{ id: 0, start_seconds: 0, end_seconds: 3, text: 'hello', confidence: 0.75 }],
};

/** A report of another system, which is read and deleted, and a waiting job, which goes back. */
async function report(source: string): Promise<void> {
  const { Reporter } = await import('../../sdk/typescript/reporter/reporter.ts');
  Object.assign(process.env, asPrincipal(proxy, 'reporter'), { AWS_ENDPOINT_URL: system.moto });
  const reporter = Reporter.fromUrl(source, { workerId: 'worker-far' });
  reporter.jobStart('job-reported', { audioDuration: 60 });
  reporter.jobProgress('job-reported', 45, { stage: 'transcribing' });
  await reporter.close();
  const sqs = new SQSClient(client);
  const MessageAttributes = { JobId: { StringValue: 'job-waiting', DataType: 'String' } };
  await sqs.send(new SendMessageCommand({ QueueUrl: ids.Queue, MessageBody: 's3://a/b.mp3', MessageAttributes }));
  sqs.destroy();
}

test('[S34] it truncates its journal, and is rebuilt, checked and repaired, with the rights of its role', async (t) => {
  const store = await openS3('server');
  t.after(() => store.close());
  const format = await store.get('meta/format.json');
  assert.ok(format.found);
  const { journal_id } = JSON.parse(Buffer.from(format.bytes).toString());
  assert.ok(
    (await Array.fromAsync(store.list(SNAPSHOTS))).filter(({ key }) => /^snapshots\/\d+\.json$/.test(key)).length > 2,
  );
  // Everything in it counts as old enough.
  assert.ok((await truncate(store, journal_id, -MINUTE_MS, systemClock)) > 0);
  for (const key of STRAY_VIEWS) await store.put(key, Buffer.from('{"as_of_seq": 3}'));
  const rebuilt = await runTmon(t, ['rebuild', '--store', store_url], { environment });
  assert.equal(rebuilt.code, 0, rebuilt.stderr);
  for (const key of STRAY_VIEWS) assert.equal((await store.get(key)).found, false, key);
  const findings = await acceptLossIn(store, systemClock);
  assert.ok(
    findings.every(({ verdict }) => verdict === 'pass'),
    JSON.stringify(findings),
  );
  assert.ok((await store.inspect()).every(({ verdict }) => verdict === 'pass'));
  assertNothingDenied();
});

/** Under every prefix of views. */
const STRAY_VIEWS = [
  'jobs/active/stray/state.json',
  'workers/active/stray/status.json',
  'alerts/active/stray.json',
  'system/metrics/daily/2001-01-01.json',
  'metrics/hourly/2001/01/01/00.json',
];

function assertNothingDenied(): void {
  const denied = proxy.seen.filter(({ by, allowed }) => by === 'server' && !allowed);
  assert.deepEqual(
    denied.map(({ action, resource }) => `${action} on ${resource}`),
    [],
  );
  done.push(...proxy.seen.filter(({ by }) => by === 'server'));
}

/** The request that `S3Store` sends for a call. */
function requestOf({ name, key }: StoreCall): AwsRequest {
  const resource = `arn:aws:s3:::${ids.Bucket}/tmon/${key}`;
  if (name === 'list') {
    return { action: 's3:ListBucket', resource: `arn:aws:s3:::${ids.Bucket}`, context: { 's3:prefix': `tmon/${key}` } };
  }
  const context: Record<string, string> = name === 'putIfAbsent' ? { 's3:if-none-match': '*' } : {};
  const action = { get: 's3:GetObject', put: 's3:PutObject', putIfAbsent: 's3:PutObject', delete: 's3:DeleteObject' };
  return { action: action[name], resource, context };
}

function assertCallsAllowed(calls: readonly StoreCall[]): void {
  const { arn } = proxy.principals.server!;
  for (const call of calls) {
    const request = requestOf(call);
    const context = { 'aws:SecureTransport': 'true', 'aws:PrincipalArn': arn, ...request.context };
    const { allowed } = evaluate({ ...request, context }, { identity, resource: proxy.resource_policies });
    assert.ok(allowed, `${request.action} on ${request.resource}`);
    done.push(request);
  }
}

test('[S34] weeks of jobs, failures, alerts, archive, snapshots and truncation need no other right', async () => {
  const clock = new TurnedClock(HISTORY_START);
  const store = new WatchedStore(new MemoryStore(clock));
  const monitor = await TestMonitor.open({ store, clock, settings: HISTORY_SETTINGS });
  await play(HISTORY, monitor, clock);
  await clock.turn(40 * DAY_MS);
  while ((await monitor.archive.runOnce()) > 0);
  await store.put('analytics/job_states/date=2025-07-07/01STRAY.parquet', Buffer.from('x'));
  await clock.turn(2 * DAY_MS);
  await monitor.tick('alert-3');
  assert.equal(await sweepColumns(store, monitor.engine), 1);
  await cleanUploads(monitor, store, clock);
  await eraseAndAudit(monitor, store, clock);
  await monitor.stop();
  assertCallsAllowed(store.calls);
});

/** Erases a job to its end, and keeps the audit of it for a day. */
async function eraseAndAudit(monitor: TestMonitor, store: ObjectStore, clock: TurnedClock): Promise<void> {
  const { engine, publisher } = monitor;
  const settings = { audit_days: 1, retention_ms: DAY_MS };
  const audit = new AuditKeeper({ engine, store, settings });
  await monitor.submit('job-erased');
  const submit = (body: Parameters<typeof submitOwn>[1]) => submitOwn(engine, body);
  await eraseJobs({ engine, store }, ['job-erased'], { by: 'api', reason: 'request', submit });
  const truncating = { truncate: async () => engine.journal.truncate(await audit.runOnce()), settings };
  const erasing = new Erasing({
    engine,
    store,
    clock,
    publisher,
    ...truncating,
    forgetCopies: async () => {},
    log() {},
  });
  for (let day = 0; day < 8; day += 1) {
    while (await erasing.runOnce());
    while ((await monitor.archive.runOnce()) > 0);
    await monitor.submit(`job-of-day-${day}`);
    await audit.runOnce();
    await clock.turn(DAY_MS);
  }
  assert.ok(!engine.state.tables.erasures.has('job-erased'));
}

async function cleanUploads(monitor: TestMonitor, store: ObjectStore, clock: TurnedClock): Promise<void> {
  const { engine } = monitor;
  const limits = { upload_bytes_max: 1e9, uploads_at_once: 10 };
  const uploads = new Uploads({ store, settings: limits, now: () => engine.journal.now() });
  await uploads.create({ stream: Readable.from([Buffer.from('audio')]), file_name: async () => 'a.wav', key: 'key-1' });
  await clock.turn(8 * DAY_MS);
  const settings = { upload_unused_ms: 7 * DAY_MS, upload_keep_ms: 0, commands_window_ms: DAY_MS };
  assert.equal(await new UploadCleanup({ store, engine, settings, log: () => {} }).runOnce(), 1);
}

test('[S34] a store of version 0.1.0 is repacked without another right', async () => {
  const clock = new TurnedClock('2025-07-09T13:30:00Z');
  const { store: old } = await openOldStore(clock);
  const store = new WatchedStore(old);
  const monitor = await TestMonitor.open({ store, clock });
  for (let turn = 0; turn < 4; turn++) {
    while ((await monitor.archive.runOnce()) > 0);
    await clock.turn(HOUR_MS);
  }
  await monitor.stop();
  assert.ok(store.calls.some(({ name, key }) => name === 'delete' && key.startsWith('archive/jobs/')));
  assertCallsAllowed(store.calls);
});

test('[S34] no right in the role’s policies is unused', () => {
  const used = new Set(identity.flatMap((one) => done.flatMap((request) => patternsUsed(one, request))));
  const allowed = identity.flatMap(({ Action, Resource }) =>
    [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} on ${resource}`)),
  );
  assert.deepEqual(
    allowed.filter((one) => !used.has(one)),
    [],
  );
});

test('[S34] the journal is written only with If-None-Match: without it, even the monitor’s put is denied', async (t) => {
  const store = await openS3('server');
  t.after(() => store.close());
  const key = 'journal/99999999999999999999.ndjson';
  await assert.rejects(store.put(key, Buffer.from('x')), { code: 'store_denied' });
  assert.equal((await store.get(key)).found, false);
});

test('[S35] a worker reads only recordings in the bucket; it writes and deletes nothing', async (t) => {
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  t.after(() => s3.destroy());
  await s3.send(new PutObjectCommand({ Bucket: ids.Bucket, Key: 'audio/a.mp3', Body: 'audio' }));
  Object.assign(process.env, asPrincipal(proxy, 'worker'));
  const { openS3: openAudio } = await import('../../agent/audio/open-s3.ts');
  const read = async (url: string) => {
    const { stream } = await openAudio(url, { signal: AbortSignal.timeout(10_000) });
    return Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>)).toString();
  };
  assert.equal(await read(`s3://${ids.Bucket}/audio/a.mp3`), 'audio');
  await assert.rejects(read(`${store_url}/meta/format.json`), { code: 'audio_forbidden' });
  const store = await openS3('worker');
  t.after(() => store.close());
  for (const key of ['meta/format.json', 'journal/x', 'transcripts/job-1.json', 'uploads/x', 'jobs/x', 'archive/x']) {
    await assert.rejects(store.get(key), { code: 'store_denied' }, key);
    await assert.rejects(store.put(key, Buffer.from('x')), { code: 'store_denied' }, key);
    await assert.rejects(store.delete(key), { code: 'store_denied' }, key);
  }
  await assert.rejects(Array.fromAsync(store.list('')), { code: 'store_denied' });
});
