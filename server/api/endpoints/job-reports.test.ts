/** Reports of the worker that holds a job, under its lease: progress, transcript, completion, failure. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { claim, complete, completion, fail, type Held, hold, submit, TRANSCRIPT } from '../../../test/servers/steps.ts';

const clock = new JumpingClock();
const monitor = await openMonitor({ after }, { clock });

/** Claims the next attempt of a job whose last one failed. */
async function claimAgain({ id }: Held): Promise<Held> {
  clock.jump(1_000);
  await monitor.until<Job>(`/jobs/${id}`, ({ retry_info }) => retry_info.next_attempt_at === null);
  const again = (await claim(monitor, 'worker-1', 100)).find((held) => held.id === id);
  assert.ok(again);
  return again;
}

test('completing needs the lease; the job is COMPLETED once, however often it is reported', async () => {
  const held = await hold(monitor);
  const first = await monitor.post<Job>(`/jobs/${held.id}/complete`, completion(held.token));
  assert.equal(first.status, 200);
  assert.deepEqual(
    [first.body.state, first.body.output, first.body.progress.percentage],
    [
      'COMPLETED',
      {
        s3_path: 's3://transcripts/file.json',
        segments_count: 2,
        confidence_score: 0.9,
        warnings: [],
        suspect: false,
      },
      100,
    ],
  );
  const again = await monitor.post<Job>(`/jobs/${held.id}/complete`, completion(held.token));
  assert.equal(again.status, 200, 'its first response was lost');
  assert.equal(again.body.completed_at, first.body.completed_at);
  assert.equal(again.body.as_of_seq, first.body.as_of_seq);
});

test('a report under an expired lease is refused with lease_expired and the state, and has no effect', async () => {
  const held = await hold(monitor);
  await monitor.delete('/workers/worker-1');
  const before = (await monitor.get(`/jobs/${held.id}`)).body;
  const token = held.token;
  const reports: [string, string, unknown, Record<string, string>][] = [
    ['POST', 'complete', completion(token), {}],
    ['POST', 'fail', { lease_token: token, error: { code: 'x', message: 'x', retryable: true } }, {}],
    ['PUT', 'progress', { lease_token: token, percentage: 99 }, {}],
    ['PUT', 'transcript', TRANSCRIPT, { 'lease-token': token }],
  ];
  for (const [method, path, body, headers] of reports) {
    const response = await monitor.call(method, `/api/v1/jobs/${held.id}/${path}`, { body, headers });
    if (path === 'fail') assert.ok([200, 409].includes(response.status));
    else
      assert.deepEqual(
        [response.status, response.body.code, response.body.state],
        [409, 'lease_expired', 'QUEUED'],
        path,
      );
  }
  assert.deepEqual((await monitor.get(`/jobs/${held.id}`)).body, before);
});

test('[A33] a retryable failure returns the job to the queue, the last attempt ends it', async () => {
  let held = await hold(monitor, { max_attempts: 3 });
  for (const attempt of [2, 3]) {
    const job = await fail(monitor, held, true);
    assert.deepEqual([job.state, job.retry_info.attempt], ['QUEUED', attempt]);
    assert.deepEqual(job.retry_info.last_error, {
      code: 'worker_error',
      message: 'it broke',
      retryable: true,
      fault: null,
    });
    held = await claimAgain(held);
    assert.equal(held.attempt.number, attempt);
  }
  assert.equal((await fail(monitor, held, true)).state, 'FAILED');
  const other = await hold(monitor);
  assert.equal((await fail(monitor, other, false)).state, 'FAILED', 'a failure that is not retryable ends it');
});

test('after running out of GPU memory the next attempt gets a smaller batch size', async () => {
  const held = await hold(monitor);
  const error = { code: 'gpu_out_of_memory', message: 'CUDA out of memory', retryable: true };
  await monitor.post(`/jobs/${held.id}/fail`, { lease_token: held.token, error, retry_with: { batch_size: 16 } });
  const again = await claimAgain(held);
  assert.deepEqual(again.attempt, { number: 2, batch_size: 16 });
});

test('the error names every wrong field of a report', async () => {
  const held = await hold(monitor);
  for (const [method, path, body, fields] of [
    ['POST', 'complete', { output: { s3_path: '', segments_count: -1, extra: 1 } }, 4],
    ['POST', 'fail', { lease_token: held.token, error: { code: 'Not Lower', message: 5, retryable: 'no' } }, 3],
    ['PUT', 'progress', { lease_token: held.token, percentage: 101, stage: '', current_chunk: 1.5 }, 3],
  ] as const) {
    const response = await monitor.call(method, `/api/v1/jobs/${held.id}/${path}`, { body });
    assert.deepEqual([response.status, response.body.code], [400, 'invalid_body']);
    const named = new Set(response.body.errors.map(({ field }: { field: string }) => field));
    assert.equal(named.size, fields, `${path}: ${[...named]}`);
  }
  await complete(monitor, held);
});

test('[A66] the newest of many reports counts, and the next attempt starts at zero', async () => {
  const held = await hold(monitor, { duration_seconds: 60 });
  for (let percentage = 1; percentage <= 50; percentage++)
    await monitor.put(`/jobs/${held.id}/progress`, { lease_token: held.token, percentage, stage: 'Downloading' });
  const body = await monitor.until(`/jobs/${held.id}/progress`, ({ percentage }) => percentage === 50);
  assert.equal(body.stage, 'DOWNLOADING');
  assert.equal((await fail(monitor, held, true)).progress.percentage, 0);
});

test('a transcript is stored once: a later attempt does not replace it', async () => {
  const held = await hold(monitor, { output_format: 'srt', max_attempts: 5 });
  const put = (body: unknown, token: string) =>
    monitor.put(`/jobs/${held.id}/transcript`, body, { 'lease-token': token });
  const first = await put(TRANSCRIPT, held.token);
  assert.equal(first.status, 200);
  assert.deepEqual([first.body.segments_count, first.body.confidence_score, first.body.already_there], [2, 0.8, false]);
  assert.match(first.body.s3_path, new RegExp(`${held.id}\\.srt$`), "in the job's output_format");
  assert.equal((await put(TRANSCRIPT, held.token)).body.already_there, true);

  await fail(monitor, held, true);
  const second = await claimAgain(held);
  const other = { ...TRANSCRIPT, text: 'something else', segments: [] };
  const kept = await put(other, second.token);
  assert.deepEqual([kept.body.already_there, kept.body.segments_count], [true, 2], 'the figures of the stored one');
  await complete(monitor, second);
  assert.equal(JSON.parse((await monitor.get(`/jobs/${held.id}/transcript?format=json`)).text).text, 'hello world');
});

const CUT = { code: 'audio_truncated', message: 'the recording ends at 2 s of 9' };
const LOOP = { code: 'repetition', message: '"hello" 40 times in a row' };
const SUSPECT_TRANSCRIPT = {
  ...TRANSCRIPT,
  warnings: [CUT],
  quality: { suspect: true, reasons: [{ ...LOOP, start_seconds: 0, end_seconds: 2 }] },
};

test('a job has the warnings of its stored transcript and is suspect, whatever its worker knows of that', async () => {
  const known = await hold(monitor);
  const unknown = await hold(monitor, { output_format: 'srt' });
  for (const held of [known, unknown]) {
    const put = await monitor.put(`/jobs/${held.id}/transcript`, SUSPECT_TRANSCRIPT, { 'lease-token': held.token });
    assert.deepEqual([put.status, put.body.warnings, put.body.suspect], [200, [CUT, LOOP], true]);
    const { s3_path, segments_count, warnings, suspect } = put.body;
    const output = { s3_path, segments_count, ...(held === known ? { warnings, suspect } : {}) };
    const { status, body } = await monitor.post<Job>(`/jobs/${held.id}/complete`, { lease_token: held.token, output });
    assert.deepEqual([status, body.output.warnings, body.output.suspect], [200, [CUT, LOOP], true]);
  }
  const { text } = await monitor.get(`/jobs/${known.id}/transcript?format=json`);
  assert.deepEqual(JSON.parse(text), SUSPECT_TRANSCRIPT);
});

test('a completion with a transcript elsewhere may say that it is suspect, and why', async () => {
  const held = await hold(monitor);
  const output = { ...completion(held.token).output, warnings: [LOOP], suspect: true };
  const { body } = await monitor.post<Job>(`/jobs/${held.id}/complete`, { lease_token: held.token, output });
  assert.deepEqual([body.output.warnings, body.output.suspect], [[LOOP], true]);
  const { status } = await monitor.post(`/jobs/${held.id}/complete`, {
    lease_token: held.token,
    output: { ...output, warnings: Array(21).fill(LOOP) },
  });
  assert.equal(status, 400, 'at most 20 warnings');
});

test('a list has only the suspect jobs, or all but them', async () => {
  const tag = 'of-the-suspect-list';
  const good = await hold(monitor, { tags: [tag] });
  await complete(monitor, good);
  const waiting = await submit(monitor, { tags: [tag] });
  const bad = await hold(monitor, { tags: [tag], priority: 'high' });
  const output = { ...completion(bad.token).output, suspect: true };
  await monitor.post(`/jobs/${bad.id}/complete`, { lease_token: bad.token, output });
  const listed = async (query: string) => {
    const { body } = await monitor.get(`/jobs?tag=${tag}${query}`);
    return body.items.map(({ job_id }: Job) => job_id).sort();
  };
  assert.deepEqual(await listed('&suspect=true'), [bad.id]);
  assert.deepEqual(await listed('&suspect=false'), [good.id, waiting.job_id].sort());
  assert.equal((await listed('')).length, 3);
  assert.equal((await monitor.get('/jobs?suspect=perhaps')).status, 400);
});

test('[A28] a transcript is returned in any format, by default in that of the job', async () => {
  const held = await hold(monitor, { output_format: 'vtt' });
  await monitor.put(`/jobs/${held.id}/transcript`, TRANSCRIPT, { 'lease-token': held.token });
  await complete(monitor, held);
  const read = async (query: string) => {
    const { status, headers, text } = await monitor.get(`/jobs/${held.id}/transcript${query}`);
    assert.equal(status, 200);
    return { type: headers.get('content-type')?.split(';')[0], text };
  };
  assert.deepEqual(await read('?format=text'), { type: 'text/plain', text: 'hello\nworld\n' });
  const srt = await read('?format=srt');
  assert.equal(srt.type, 'application/x-subrip');
  assert.match(srt.text, /^1\n00:00:00,000 --> 00:00:01,000\nhello\n/);
  const vtt = await read('');
  assert.equal(vtt.type, 'text/vtt');
  assert.match(vtt.text, /^WEBVTT\n/);
  const json = await read('?format=json');
  assert.equal(json.type, 'application/json');
  assert.deepEqual(JSON.parse(json.text), TRANSCRIPT);
  assert.equal((await monitor.get(`/jobs/${held.id}/transcript?format=pdf`)).body.errors[0].field, '/format');
});

test('a missing transcript is 404 with the state of the job, or the place where its worker stored it', async () => {
  const { job_id } = await submit(monitor);
  const none = await monitor.get(`/jobs/${job_id}/transcript`);
  assert.deepEqual([none.status, none.body.code, none.body.state], [404, 'transcript_not_found', 'QUEUED']);
  const elsewhere = await hold(monitor);
  await complete(monitor, elsewhere);
  const { body } = await monitor.get(`/jobs/${elsewhere.id}/transcript`);
  assert.match(body.hint, /s3:\/\/transcripts\/file\.json/);
});

test('the error names a damaged transcript, and one that was deleted from the store', async () => {
  const held = await hold(monitor, { output_format: 'srt' });
  const { s3_path } = (await monitor.put(`/jobs/${held.id}/transcript`, TRANSCRIPT, { 'lease-token': held.token }))
    .body;
  await monitor.post(`/jobs/${held.id}/complete`, {
    lease_token: held.token,
    output: { s3_path, segments_count: 2 },
  });
  const key = `transcripts/${held.id}.json`;
  const read = async () => {
    const { status, body } = await monitor.get(`/jobs/${held.id}/transcript`);
    return [status, body?.code, body?.key];
  };
  const got = await monitor.store.get(key);
  assert.ok(got.found);
  const bytes = Buffer.from(got.bytes);
  for (const damaged of [bytes.toString().replace('hello', 'hallo'), bytes.subarray(0, -20), '', '{}']) {
    await monitor.store.put(key, Buffer.from(damaged));
    assert.deepEqual(await read(), [500, 'transcript_damaged', key]);
  }
  const other = await hold(monitor);
  await monitor.put(`/jobs/${other.id}/transcript`, TRANSCRIPT, { 'lease-token': other.token });
  const others = await monitor.store.get(`transcripts/${other.id}.json`);
  assert.ok(others.found);
  await monitor.store.put(key, others.bytes);
  assert.deepEqual(await read(), [500, 'transcript_damaged', key], 'the transcript of another job');
  await monitor.store.put(key, Buffer.from(JSON.stringify(TRANSCRIPT)));
  assert.equal((await read())[0], 200, 'of a version without hashes');
  await monitor.store.delete(key);
  assert.deepEqual(await read(), [500, 'transcript_missing', key]);
});

test('a transcript without a valid lease, or an invalid transcript, is refused', async () => {
  const held = await hold(monitor);
  const missing = await monitor.put(`/jobs/${held.id}/transcript`, TRANSCRIPT);
  assert.deepEqual([missing.status, missing.body.code], [400, 'lease_token_missing']);
  const wrong = { ...TRANSCRIPT, segments: [{ ...TRANSCRIPT.segments[0], confidence: 2, mood: 'A' }] };
  const { status, body } = await monitor.put(`/jobs/${held.id}/transcript`, wrong, { 'lease-token': held.token });
  assert.equal(status, 400);
  assert.deepEqual(
    new Set(body.errors.map(({ field }: { field: string }) => field)),
    new Set(['/segments/0/confidence', '/segments/0/mood']),
  );
});

test('what an engine reports besides is kept under extra, up to its limits', async () => {
  const held = await hold(monitor);
  const put = (transcript: object) =>
    monitor.put(`/jobs/${held.id}/transcript`, transcript, { 'lease-token': held.token });
  const withExtra = (extra: object) => ({
    ...TRANSCRIPT,
    segments: [{ ...TRANSCRIPT.segments[0], speaker: 'SPEAKER_00', channel: 1, language: 'de', extra }],
    ...{ engine_version: '1.2.1', model: 'base', extra: { language_probability: 0.9, nested: [{ a: null }] } },
  });
  const long = 'x'.repeat(8 * 1024);
  const { status, body } = await put(withExtra({ tokens: long }));
  assert.deepEqual([status, body.code, body.errors[0].field], [400, 'invalid_body', '/segments/0/extra']);
  const whole = await put({ ...TRANSCRIPT, extra: { all: long.repeat(8) } });
  assert.deepEqual([whole.status, whole.body.errors[0].field], [400, '/extra']);
  const kept = withExtra({ tokens: [1, 2], temperature: 0 });
  assert.equal((await put(kept)).status, 200);
  assert.deepEqual((await monitor.get(`/jobs/${held.id}/transcript?format=json`)).body, kept);
});

test('a transcript is converted to every format, with who speaks', async () => {
  const held = await hold(monitor);
  const words = [{ start_seconds: 0, end_seconds: 1, text: 'Hello.', probability: 0.5, channel: 1 }];
  const segment = { id: 0, start_seconds: 0, end_seconds: 1, text: 'Hello.', confidence: 1, channel: 1, words };
  const transcript = { ...TRANSCRIPT, language: 'de', text: 'Hello.', segments: [segment] };
  const put = await monitor.put(`/jobs/${held.id}/transcript`, transcript, { 'lease-token': held.token });
  assert.equal(put.status, 200);
  const get = (format: string) => monitor.get(`/jobs/${held.id}/transcript?format=${format}`);
  const { headers, body } = await get('verbose_json');
  assert.match(headers.get('content-type') ?? '', /^application\/json/);
  assert.deepEqual(
    [body.task, body.language, body.segments[0].start, body.segments[0].channel, body.words],
    ['transcribe', 'german', 0, 1, [{ word: 'Hello.', start: 0, end: 1, channel: 1 }]],
  );
  const texts = await Promise.all(['text', 'srt', 'vtt'].map(async (format) => (await get(format)).text));
  assert.deepEqual(texts, [
    'Channel 1: Hello.\n',
    '1\n00:00:00,000 --> 00:00:01,000\nChannel 1: Hello.\n',
    'WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v Channel 1>Hello.\n',
  ]);
  assert.equal((await get('docx')).status, 400);
});

test('a transcript of ten hours, larger than the limit of other bodies, is accepted', async () => {
  const held = await hold(monitor);
  const segments = Array.from({ length: 20_000 }, (_, id) => ({
    id,
    start_seconds: id * 1.8,
    end_seconds: id * 1.8 + 1.7,
    text: 'and then the train left without her',
    confidence: 0.5,
  }));
  const { status, body } = await monitor.put(
    `/jobs/${held.id}/transcript`,
    { ...TRANSCRIPT, segments },
    { 'lease-token': held.token },
  );
  assert.deepEqual([status, body.segments_count], [200, 20_000]);
});

test('an instance shows a report as soon as it has accepted it, before it is written', async (t) => {
  const own = await openMonitor(t, { soft_linger_ms: 60_000 });
  const held = await hold(own);
  const path = `/jobs/${held.id}/progress`;
  const seq = (await own.get(path)).headers.get('tmon-seq');
  const shown = async (percentage: number) => {
    const report = { lease_token: held.token, percentage, stage: 'transcribing' };
    assert.equal((await own.put(path, report)).status, 202);
    const { headers, body } = await own.get(path);
    assert.deepEqual([body.percentage, body.stage, headers.get('tmon-seq')], [percentage, 'TRANSCRIBING', seq]);
    assert.equal((await own.get(`/jobs/${held.id}`)).body.progress.percentage, percentage);
    const etag = headers.get('etag')!;
    assert.equal((await own.get(path, { 'if-none-match': etag })).status, 304);
    return etag;
  };
  assert.notEqual(await shown(10), await shown(20), 'each report has its own ETag');

  await submit(own);
  const written = await own.get(path);
  assert.deepEqual([written.body.percentage, written.body.as_of_seq], [20, Number(seq) + 1]);
  await complete(own, held);
  assert.equal((await own.get(path)).body.percentage, 100);
});

test('a report whose lease ends before it is written is no longer shown', async (t) => {
  const own = await openMonitor(t, { soft_linger_ms: 60_000 });
  const held = await hold(own);
  await own.put(`/jobs/${held.id}/progress`, { lease_token: held.token, percentage: 33 });
  await own.delete('/workers/worker-1');
  const { body } = await own.get(`/jobs/${held.id}/progress`);
  assert.deepEqual([body.state, body.percentage], ['QUEUED', 0]);
});
