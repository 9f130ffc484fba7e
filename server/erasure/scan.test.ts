/** After an erasure and the retention no byte of the store, and no copy on this machine, has a word of the job. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { JobSubmission } from '../../protocol/job.ts';
import type { LogEvent } from '../../protocol/log-event.ts';
import { NOTHING_KNOWN } from '../../protocol/sighting.ts';
import { HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import { openAnalytics } from '../analytics/testing-analytics.ts';
import { keepTranscript } from '../api/endpoints/transcripts.ts';
import { LargeWork } from '../api/large/large-work.ts';
import { AuditKeeper } from '../audit/keeping.ts';
import { readSettings } from '../config.ts';
import { Uploads } from '../uploads/uploads.ts';
import { keepAttemptLog } from '../views/attempt-logs.ts';
import { submitOwn } from '../views/own-command.ts';
import { keysIn } from '../views/testing-monitor.ts';
import { eraseJobs } from './erase.ts';
import { Erasing } from './erasing.ts';
import { FIELDS, SCHEMAS, textsOf } from './testing-personal-fields.ts';

/** In every personal field. No other text has it. */
const MARKER = 'mkrQ7x';
const of = (what: string): string => `${MARKER}-${what}`;

test('every text of a job is declared personal or not', () => {
  const found = Object.entries(SCHEMAS).flatMap(([name, schema]) => [...textsOf(name, schema)]);
  assert.deepEqual([...new Set(found)].sort(), Object.keys(FIELDS).sort());
});

const SUBMISSION: JobSubmission = {
  audio_url: `s3://calls/${of('recording')}.wav`,
  tags: [of('tag')],
  metadata: { [of('name')]: of('value') },
  options: {
    model: of('model'),
    prompt: of('prompt'),
    hotwords: of('hotwords'),
    engine_options: { prefix: of('engine option') },
  },
  webhook_url: `https://${of('host').toLowerCase()}.example.com/${of('hook')}`,
  duration_seconds: 60,
};
const TRANSCRIPT = {
  text: of('text'),
  language: 'en',
  duration_seconds: 60,
  engine: 'whisper',
  segments: [
    {
      ...{ id: 0, start_seconds: 0, end_seconds: 1, text: of('segment'), confidence: 1 },
      words: [{ start_seconds: 0, end_seconds: 1, text: of('word'), probability: 1, speaker: of('speaker of a word') }],
      speaker: of('speaker'),
      extra: { note: of('extra of a segment') },
    },
  ],
  extra: { notes: [of('extra')] },
  warnings: [{ code: 'audio_damaged', message: of('warning') }],
  quality: {
    suspect: true,
    reasons: [{ code: 'repetition', message: of('reason'), start_seconds: 0, end_seconds: 1 }],
  },
};

test('no byte of the store has a word of an erased job once the retention of the journal has passed', async () => {
  const analytics = await openAnalytics({ finished_window_ms: HOUR_MS });
  const { monitor, clock, store } = analytics;
  const { engine } = monitor;
  const large = new LargeWork(clock);
  const uploads = new Uploads({
    store,
    settings: { upload_bytes_max: 1e9, uploads_at_once: 10 },
    now: () => engine.journal.now(),
  });
  const marked: string[] = [];
  // One that may do jobs of any model.
  const register = (worker_id: string) =>
    monitor.do({
      type: 'register_worker',
      worker_id,
      registration: { capabilities: {}, location: { spot_price: 0.35 } },
    });
  const submit = async (job_id: string, more: Partial<JobSubmission> = {}) => {
    marked.push(job_id);
    await monitor.do({ type: 'submit_jobs', jobs: [{ ...SUBMISSION, job_id, ...more }] });
  };
  const begin = async (job_id: string, more: Partial<JobSubmission> = {}, worker_id = 'worker-1') => {
    await submit(job_id, more);
    await monitor.claim(worker_id);
    const lease_token = monitor.token(job_id);
    monitor.soft({ type: 'report_progress', job_id, report: { lease_token, percentage: 40, stage: of('stage') } });
    await clock.turn(MINUTE_MS);
    return lease_token;
  };
  const error = { code: 'audio_unreadable', message: of('error'), retryable: false };
  const failing = (job_id: string, lease_token: string, failure: typeof error & { fault?: 'worker' }) =>
    monitor.do({ type: 'fail_job', job_id, lease_token, error: failure, batch_size: null, jitter: 0 });

  await register('worker-1');
  await monitor.submit('innocent');
  await monitor.claim('worker-1');
  await monitor.complete('innocent');

  // A recording that was uploaded, and its transcript in the store.
  const upload = await uploads.create({
    stream: Readable.from([Buffer.from(of('audio bytes'))]),
    file_name: async () => `${of('file')}.wav`,
    key: 'k1',
  });
  await uploads.use(upload.upload_id, ['uploaded']);
  const token = await begin('uploaded', { audio_url: upload.audio_url, output_format: 'srt' });
  const printed = { end_bytes: 100, text: of('printed by the engine') };
  await keepAttemptLog(store, { job_id: 'uploaded', attempt: 2, lease: 'worker-1' }, printed);
  const { already_there: _, ...output } = await keepTranscript({ store, large }, monitor.job('uploaded'), TRANSCRIPT);
  await monitor.do({ type: 'complete_job', job_id: 'uploaded', lease_token: token, output });

  // A transcript elsewhere, and every line of a log.
  const lease_token = await begin('logged');
  const line = (event: Partial<LogEvent>) => ({ job_id: 'logged', lease_token, ...event }) as LogEvent & typeof event;
  await monitor.do({
    type: 'record_events',
    jitter: 0,
    events: [
      line({ event: 'JOB_START', audio_url: `s3://x/${of('log')}` }),
      line({ event: 'JOB_PROGRESS', percentage: 50, stage: of('log') }),
      line({ event: 'JOB_COMPLETE', s3_path: `s3://x/${of('log')}` }),
    ] as never,
  });

  // Failures: of the recording, and of a worker, which is suspended and raises an alert.
  await failing('failed', await begin('failed', { max_attempts: 1 }), error);
  await register('worker-2');
  for (const job_id of ['blamed-1', 'blamed-2', 'blamed-3']) {
    const lease = await begin(job_id, { max_attempts: 1 }, 'worker-2');
    await failing(job_id, lease, { ...error, code: 'gpu_unavailable', fault: 'worker' });
    await monitor.do({ type: 'cancel_job', job_id }).catch(() => undefined);
  }
  for (let n = 0; n < 20; n += 1) {
    monitor.beat('worker-1');
    monitor.beat('worker-2');
    await clock.turn(MINUTE_MS);
    const notice_ids = Array.from({ length: 9 }, (__, i) => `notice-${n}-${i}`);
    const ids = Array.from({ length: 9 }, (__, i) => `alert-${n}-${i}`);
    await monitor.do({ type: 'tick', ids, notice_ids, expire: true }, `~tick-${n}`);
  }
  assert.ok([...engine.state.tables.alerts.values()].some(({ message }) => message.includes('worker-2')));

  // A job that waits, and one that a source reports.
  await submit('waiting');
  const report = (state: 'FAILED' | 'COMPLETED') =>
    monitor.observe('log:/var/log/transcripts', {
      ...NOTHING_KNOWN,
      job_id: 'reported',
      state,
      told_ms: clock.now(),
      started_ms: clock.now() - MINUTE_MS,
      worker_id: 'reporter',
      stage: of('sighted'),
      s3_path: of('sighted'),
      error: of('sighted'),
      reported_id: of('name in its system'),
      audio_url: of('sighted'),
    });
  await report('FAILED');
  marked.push('reported');

  await monitor.publisher.flush();
  await engine.journal.snapshot();
  await clock.turn(2 * HOUR_MS);
  await analytics.archive();
  await clock.turn(2 * HOUR_MS);
  await analytics.write();
  assert.ok(engine.state.tables.column_files.size > 0);
  // It returns from the archive: its earlier record stays in its pack, and its earlier row in a column file.
  assert.equal((await report('COMPLETED')).taken, 1);
  await register('worker-1');
  await begin('recent', { priority: 'high' });
  await monitor.complete('recent');
  await monitor.publisher.flush();

  const before = await where(analytics);
  for (const place of ['journal', 'snapshots', 'jobs', 'archive', 'transcripts', 'uploads', 'analytics']) {
    assert.ok(before.has(place), `the marker is not even in ${place}: ${[...before]}`);
  }
  assert.ok(before.has('copies'));
  assert.deepEqual(
    [
      ...engine.state.tables.troubles.keys(),
      ...[...engine.state.tables.workers.values()].map((w) => JSON.stringify(w)),
    ].filter((text) => text.includes(MARKER)),
    [],
    'a worker or a destination has words of a job',
  );

  const { jobs, refused } = await eraseJobs({ engine, store }, marked, {
    by: 'key:k1',
    reason: 'request',
    submit: (body) => submitOwn(engine, body),
  });
  assert.deepEqual(refused, []);
  assert.equal(jobs.length, new Set(marked).size);
  assert.ok(![...fold(analytics)].join('\n').includes(MARKER), 'the fold');

  const settings = readSettings({ store: 'memory:' }, {});
  const audit = new AuditKeeper({ engine, store, settings });
  const erasing = new Erasing({
    engine,
    store,
    clock,
    settings,
    publisher: monitor.publisher,
    truncate: async () => engine.journal.truncate(await audit.runOnce()),
    // Files of this machine have its real time.
    forgetCopies: () =>
      analytics.reader.cache.keepOnly([...engine.state.tables.column_files.values()], Date.now() + 2 * HOUR_MS),
    log: () => {},
  });
  for (let hour = 0; hour < 52; hour += 1) {
    while (await erasing.runOnce());
    await analytics.archive();
    await analytics.write();
    if (hour === 1) {
      const left = await where(analytics);
      assert.deepEqual(
        [...left].sort(),
        ['copies', 'journal', 'snapshots'],
        'an hour later only the journal has words',
      );
    }
    await clock.turn(HOUR_MS);
  }
  await monitor.publisher.flush();
  await analytics.reader.refresh();
  assert.deepEqual([...(await where(analytics))], []);
  // Only the job that a source may report again is remembered, by its id.
  assert.deepEqual([...engine.state.tables.erasures.keys()], ['reported']);
  assert.deepEqual(
    (await report('FAILED')).refused.map(({ code }) => code),
    ['job_erased'],
  );
  const [left] = await analytics.rows('SELECT count(*) AS jobs FROM job_states');
  assert.equal(Number(left!.jobs), 1, 'of the job that was not erased');
  await analytics.close();
});

type Analytics = Awaited<ReturnType<typeof openAnalytics>>;

function* fold({ monitor }: Analytics): Generator<string> {
  const { tables } = monitor.engine.state;
  for (const [name, table] of Object.entries(tables)) {
    if ('entries' in table)
      for (const entry of (table as { entries(): Iterable<unknown> }).entries())
        yield `${name} ${JSON.stringify(entry)}`;
  }
}

/** The first parts of the keys of objects that have the marker, in their bytes or as Parquet; `copies`: files of this machine. */
async function where({ store, reader }: Analytics): Promise<Set<string>> {
  const found = new Set<string>();
  const folder = await mkdtemp(join(tmpdir(), 'tmon-scan-'));
  const database = await DuckDBInstance.create(':memory:');
  const connection = await database.connect();
  const inParquet = async (path: string) => {
    const rows = await connection.runAndReadAll(`SELECT * FROM read_parquet('${path}')`);
    return JSON.stringify(rows.getRowObjectsJson()).includes(MARKER);
  };
  try {
    for (const key of await keysIn(store, '')) {
      const object = await store.get(key);
      if (!object.found) continue;
      const place = key.split('/', 1)[0]!;
      if (key.includes(MARKER) || Buffer.from(object.bytes).includes(MARKER)) found.add(place);
      if (!key.endsWith('.parquet')) continue;
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'one.parquet'), object.bytes);
      if (await inParquet(join(folder, 'one.parquet'))) found.add(place);
    }
    const { folder: copies } = reader.cache;
    for (const name of await readdir(copies)) {
      if (!name.endsWith('.parquet')) continue;
      const path = join(copies, name);
      if ((await readFile(path)).includes(MARKER) || (await inParquet(path))) found.add('copies');
    }
  } finally {
    connection.closeSync();
    database.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
  return found;
}
