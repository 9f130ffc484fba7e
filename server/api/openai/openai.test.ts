/** OpenAI's own client against a monitor, whose worker is played by the test. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import OpenAI, { type APIError, toFile } from 'openai';
import { ADMIN_KEY, openMonitor } from '../../../test/servers/monitor.ts';
import { completion, fail, type Held, register, TRANSCRIPT } from '../../../test/servers/steps.ts';
import { hashOfKey } from '../../access/secrets.ts';

const monitor = await openMonitor({ after });
await register(monitor, 'worker-1', { capabilities: { model: 'large-v3' } });
const client = new OpenAI({ baseURL: `${monitor.url}/v1`, apiKey: 'none', maxRetries: 0 });

const recording = (text = 'some audio') => toFile(Buffer.from(text), 'call.wav');

/** The next job. */
async function next(): Promise<Held> {
  for (;;) {
    const { body } = await monitor.post('/workers/worker-1/claim', { max_jobs: 1, wait_seconds: 20 });
    for (const held of body.jobs) return { ...held, id: held.job.job_id, token: held.lease.token };
  }
}

async function finish({ id, token }: Held, transcript = TRANSCRIPT): Promise<void> {
  const stored = await monitor.put(`/jobs/${id}/transcript`, transcript, { 'lease-token': token });
  assert.equal(stored.status, 200, stored.text);
  const { s3_path, segments_count } = stored.body;
  const done = await monitor.post(`/jobs/${id}/complete`, {
    ...completion(token),
    output: { s3_path, segments_count },
  });
  assert.equal(done.status, 200, done.text);
}

const jobOf = async (id: string) => (await monitor.get(`/jobs/${id}`)).body;

test('a request returns the transcript of its job, in every format', async () => {
  const results: unknown[] = [];
  for (const response_format of ['json', 'text', 'srt', 'vtt', 'verbose_json'] as const) {
    const result = client.audio.transcriptions.create({ file: await recording(), model: 'whisper-1', response_format });
    const held = await next();
    assert.deepEqual(held.job.tags, ['openai']);
    assert.match(held.job.input.s3_path, /call\.wav$/);
    await finish(held);
    results.push(await result);
  }
  const [json, text, srt, vtt, verbose] = results as [
    { text: string; usage: object },
    string,
    string,
    string,
    OpenAI.Audio.TranscriptionVerbose,
  ];
  assert.deepEqual(json, { text: 'hello world', usage: { type: 'duration', seconds: 2 } });
  assert.equal(text, 'hello\nworld\n');
  assert.match(srt, /^1\n00:00:00,000 --> 00:00:01,000\nhello\n/);
  assert.match(vtt, /^WEBVTT\n/);
  assert.deepEqual([verbose.language, verbose.duration, verbose.text], ['english', 2, 'hello world']);
  assert.deepEqual(
    verbose.segments?.map(({ id, start, end, text }) => [id, start, end, text]),
    [
      [0, 0, 1, 'hello'],
      [1, 1, 2, 'world'],
    ],
  );
  assert.equal(verbose.segments?.[0]?.avg_logprob, Math.log(0.8));
});

test('the options of a request are those of its job, and words have their times', async () => {
  const transcribing = client.audio.transcriptions.create({
    file: await recording(),
    model: 'large-v3',
    language: 'de',
    prompt: 'Herr Müller',
    temperature: 0.2,
    response_format: 'verbose_json',
    timestamp_granularities: ['word', 'segment'],
  });
  const held = await next();
  assert.deepEqual(held.job.options, {
    model: 'large-v3',
    language: 'de',
    prompt: 'Herr Müller',
    temperature: 0.2,
    word_timestamps: true,
  });
  const [hello, world] = TRANSCRIPT.segments;
  const words = [{ start_seconds: 0.1, end_seconds: 0.9, text: ' hello', probability: 0.7 }];
  await finish(held, { ...TRANSCRIPT, segments: [{ ...hello!, words, no_speech: 0.25 }, world!] });
  const result = await transcribing;
  assert.deepEqual(result.words, [{ word: 'hello', start: 0.1, end: 0.9 }]);
  assert.equal(result.segments?.[0]?.no_speech_prob, 0.25);
  const translating = client.audio.translations.create({ file: await recording(), model: 'whisper-1' });
  const translated = await next();
  assert.deepEqual(translated.job.options, { task: 'translate' });
  await finish(translated);
  assert.equal((await translating).text, 'hello world');
});

test('diarized_json asks for the speakers, and channels=split for the channels; both are named', async () => {
  const body = {
    ...{ file: await recording(), model: 'gpt-4o-transcribe-diarize', response_format: 'diarized_json' as const },
    ...{ chunking_strategy: 'auto' as const, channels: 'split' },
  };
  const transcribing = client.audio.transcriptions.create(body);
  const held = await next();
  assert.deepEqual(held.job.options, { diarize: true, channels: 'split' });
  const [hello, world] = TRANSCRIPT.segments;
  await finish(held, { ...TRANSCRIPT, segments: [{ ...hello!, speaker: 'A', channel: 0 }, world!] });
  const { segments } = (await transcribing) as unknown as { segments: unknown };
  assert.deepEqual(segments, [
    { type: 'transcript.text.segment', id: 'seg_0', start: 0, end: 1, text: 'hello', speaker: 'Channel 0 A' },
    { type: 'transcript.text.segment', id: 'seg_1', start: 1, end: 2, text: 'world', speaker: 'unknown' },
  ]);
});

test('a stream has the text in pieces, then whole', async () => {
  const streaming = client.audio.transcriptions.create({ file: await recording(), model: 'whisper-1', stream: true });
  const held = await next();
  const stream = await streaming;
  await finish(held);
  const messages: unknown[] = [];
  for await (const message of stream) messages.push(message);
  assert.deepEqual(messages, [
    { type: 'transcript.text.delta', delta: 'hello' },
    { type: 'transcript.text.delta', delta: ' world' },
    { type: 'transcript.text.done', text: 'hello world', usage: { type: 'duration', seconds: 2 } },
  ]);
});

test('a job that fails is an error that the client does not send again, in a stream, too', async () => {
  let requests = 0;
  const counting = client.withOptions({
    maxRetries: 2,
    fetch: (url, init) => {
      if (String(url).startsWith(monitor.url)) requests += 1;
      return fetch(url, init);
    },
  });
  const failing = counting.audio.transcriptions.create({ file: await recording(), model: 'whisper-1' });
  const failed = assert.rejects(failing, (error: APIError) => {
    assert.deepEqual([error.status, error.code, error.type], [500, 'worker_error', 'server_error']);
    assert.match(error.message, /it broke/);
    return true;
  });
  await fail(monitor, await next());
  await failed;
  assert.equal(requests, 1);
  const streaming = client.audio.transcriptions.create({ file: await recording(), model: 'whisper-1', stream: true });
  const held = await next();
  await fail(monitor, held);
  await assert.rejects(async () => {
    for await (const _ of await streaming);
  }, /it broke/);
});

test('a client that leaves cancels its job; one with an Idempotency-Key comes back for the result', async () => {
  const leaving = new AbortController();
  const left = client.audio.transcriptions.create(
    { file: await recording(), model: 'whisper-1' },
    { signal: leaving.signal },
  );
  const { id } = await next();
  leaving.abort();
  await assert.rejects(left);
  await monitor.until(`/jobs/${id}`, ({ state }) => state === 'CANCELLING' || state === 'CANCELLED');
  const away = new AbortController();
  const options = { headers: { 'idempotency-key': 'meeting-7' } };
  const first = client.audio.transcriptions.create(
    { file: await recording('a meeting'), model: 'whisper-1' },
    { ...options, signal: away.signal },
  );
  const held = await next();
  away.abort();
  await assert.rejects(first);
  await finish(held);
  const again = await client.audio.transcriptions.create(
    { file: await recording('a meeting'), model: 'whisper-1' },
    options,
  );
  assert.equal(again.text, 'hello world');
  assert.equal((await jobOf(held.id)).state, 'COMPLETED');
  await assert.rejects(
    client.audio.transcriptions.create({ file: await recording('another'), model: 'whisper-1' }, options),
    { status: 409 },
  );
});

test('bad input is an error in the shape of OpenAI, and leaves no job behind', async () => {
  const before = (await monitor.get('/jobs')).body.items.length;
  const refused = async (fields: Record<string, string>, param: string | null, words: RegExp) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob(['some audio']), 'call.wav');
    const response = await fetch(`${monitor.url}/v1/audio/transcriptions`, { method: 'POST', body: form });
    const { error } = (await response.json()) as { error: Record<string, unknown> };
    assert.deepEqual([response.status, error.type, error.param], [400, 'invalid_request_error', param]);
    assert.match(String(error.message), words);
  };
  await refused({}, 'model', /model is missing/);
  await refused({ model: 'whisper-1', response_format: 'docx' }, 'response_format', /one of json, text/);
  await refused({ model: 'whisper-1', temperature: 'warm' }, 'temperature', /number/);
  await refused({ model: 'whisper-1', stream: 'perhaps' }, 'stream', /boolean/);
  await refused({ model: 'whisper-1', colour: 'red' }, 'colour', /colour/);
  const late = new FormData();
  late.append('file', new Blob(['x'.repeat(200_000)]), 'call.wav');
  late.append('colour', 'red');
  const after_file = await fetch(`${monitor.url}/v1/audio/transcriptions`, { method: 'POST', body: late });
  assert.equal(after_file.status, 400);
  const rest = await fetch(`${monitor.url}/v1/audio/transcriptions`, { method: 'POST', body: '{}' });
  assert.deepEqual([rest.status, rest.headers.get('x-should-retry')], [400, 'false']);
  assert.equal((await monitor.get('/jobs')).body.items.length, before);
});

test('the models are those of the live workers, and whisper-1 for any', async () => {
  const ids: string[] = [];
  for await (const { id } of client.models.list()) ids.push(id);
  assert.deepEqual(ids, ['whisper-1', 'large-v3']);
  assert.equal((await client.models.retrieve('large-v3')).owned_by, 'transcription-monitor');
  await assert.rejects(client.models.retrieve('none/such'), { status: 404, code: 'model_not_found' });
});

test('with keys, a request needs one that may submit', async (t) => {
  const guarded = await openMonitor(t, { admin_key_hash: hashOfKey(ADMIN_KEY) });
  const created = await guarded.withKey(ADMIN_KEY).post('/keys', { role: 'read', name: 'a reader' });
  const request = async (apiKey: string) =>
    new OpenAI({ baseURL: `${guarded.url}/v1`, apiKey, maxRetries: 0 }).audio.transcriptions.create({
      file: await recording(),
      model: 'whisper-1',
    });
  await assert.rejects(request('sk-none'), { status: 401, code: 'key_invalid', type: 'authentication_error' });
  await assert.rejects(request(created.body.key), { status: 403, code: 'role_not_allowed', type: 'permission_error' });
});
