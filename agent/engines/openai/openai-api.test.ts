/** A server of OpenAI's interface as an engine: a server of the test plays it. test/openai/main.ts takes a real one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { StepClock } from '../../testing-clock.ts';
import { parseEngine } from '../choose-engine.ts';
import type { EngineProgress } from '../engine.ts';
import { temporaryTask } from '../testing.ts';
import { languageCode } from './language-codes.ts';
import { createOpenaiApi } from './openai-api.ts';

const VERBOSE = {
  task: 'transcribe',
  language: 'english',
  duration: 12.5,
  text: ' Hello world.',
  segments: [{ id: 0, start: 0, end: 2, text: ' Hello world.', avg_logprob: Math.log(0.9), tokens: [1, 2] }],
};

type Serve = (request: IncomingMessage, response: ServerResponse) => unknown;

async function serve(t: TestContext, respond: Serve): Promise<string> {
  const server = createServer((request, response) => void respond(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const ignore = () => {};
const quiet = () => ({ signal: new AbortController().signal, onProgress: ignore });

test('the recording is sent with its name, model, language and key; the response becomes a transcript', async (t) => {
  const seen: { url?: string | undefined; key?: string | undefined; form?: FormData } = {};
  const url = await serve(t, async (request, response) => {
    seen.url = request.url;
    seen.key = request.headers.authorization;
    const { 'content-type': type = '' } = request.headers;
    seen.form = await new Response(await buffer(request), { headers: { 'content-type': type } }).formData();
    json(response, 200, VERBOSE);
  });
  const engine = createOpenaiApi({ url, model: 'small', language: 'en' }, { environment: { OPENAI_API_KEY: 'sk-1' } });
  const heard: number[] = [];
  const options = { prompt: 'Dr. Hu', temperature: 0.2 };
  const transcript = await engine.transcribe(
    { ...(await temporaryTask(t)), options },
    {
      ...quiet(),
      onAudio: ({ duration_seconds }) => heard.push(duration_seconds),
    },
  );
  const file = seen.form?.get('file') as File;
  assert.deepEqual([seen.url, seen.key], ['/v1/audio/transcriptions', 'Bearer sk-1']);
  assert.deepEqual([file.name, await file.text()], ['audio with a space.wav', 'not really audio']);
  assert.deepEqual(
    ['model', 'language', 'response_format', 'prompt', 'temperature'].map((name) => seen.form?.get(name)),
    ['small', 'en', 'verbose_json', 'Dr. Hu', '0.2'],
  );
  assert.deepEqual(
    [transcript.text, transcript.language, transcript.duration_seconds, transcript.segments[0]?.confidence],
    ['Hello world.', 'en', 12.5, 0.9],
  );
  assert.deepEqual(heard, [12.5]);
});

test('a diarizing model names the speakers, and is asked for words of no other', async (t) => {
  const forms: FormData[] = [];
  const diarized = {
    ...{ task: 'transcribe', duration: 3, text: 'Hello. Hi.', usage: { type: 'duration', seconds: 3 } },
    segments: [
      { type: 'transcript.text.segment', id: 'seg_1', start: 0, end: 1, text: 'Hello.', speaker: 'agent' },
      { type: 'transcript.text.segment', id: 'seg_2', start: 1, end: 2, text: 'Hi.', speaker: 'A' },
    ],
  };
  const url = await serve(t, async (request, response) => {
    const { 'content-type': type = '' } = request.headers;
    forms.push(await new Response(await buffer(request), { headers: { 'content-type': type } }).formData());
    const words = [{ word: 'Hello', start: 0, end: 1 }];
    json(response, 200, forms.length === 1 ? diarized : { ...VERBOSE, words });
  });
  const engine = createOpenaiApi({ url, model: 'gpt-4o-transcribe-diarize' }, { environment: {} });
  assert.deepEqual(engine.options, ['language', 'temperature', 'diarize']);
  const task = await temporaryTask(t);
  const { segments } = await engine.transcribe({ ...task, options: { diarize: true } }, quiet());
  assert.deepEqual(
    segments.map(({ id, speaker, text }) => [id, speaker, text]),
    [
      [0, 'agent', 'Hello.'],
      [1, 'A', 'Hi.'],
    ],
  );
  const whisper = createOpenaiApi({ url }, { environment: {} });
  assert.ok(!whisper.options?.includes('diarize'));
  const heard = await whisper.transcribe({ ...task, options: { word_timestamps: true } }, quiet());
  assert.deepEqual(heard.segments[0]?.words, [{ start_seconds: 0, end_seconds: 1, text: 'Hello', probability: null }]);
  assert.deepEqual(
    forms.map((form) => [
      form.get('response_format'),
      form.get('chunking_strategy'),
      form.getAll('timestamp_granularities[]'),
    ]),
    [
      ['diarized_json', 'auto', []],
      ['verbose_json', null, ['segment', 'word']],
    ],
  );
});

test('a busy server is asked again when it says, and an account without credit is not', async (t) => {
  const clock = new StepClock(0);
  let requests = 0;
  const url = await serve(t, async (request, response) => {
    await buffer(request);
    requests += 1;
    if (requests === 1) json(response, 429, {}, { 'retry-after': '7' });
    else if (requests === 2) json(response, 503, {}, { 'retry-after-ms': '250' });
    else if (requests === 3) json(response, 200, VERBOSE);
    else json(response, 429, { error: { message: 'You exceeded your quota', code: 'insufficient_quota' } });
  });
  const engine = createOpenaiApi({ url }, { clock, environment: {} });
  const task = { ...(await temporaryTask(t)), duration_seconds: null };
  const done = engine.transcribe(task, quiet());
  assert.deepEqual([await clock.step(), await clock.step()], [7_000, 250]);
  assert.equal((await done).text, 'Hello world.');
  await assert.rejects(engine.transcribe(task, quiet()), {
    code: 'engine_unreachable',
    message: /exceeded your quota/,
  });
  assert.equal(requests, 4);
});

test('progress is what earlier jobs let expect, and never the end', async (t) => {
  const clock = new StepClock(0);
  const pending: ServerResponse[] = [];
  let arrived = ignore;
  const url = await serve(t, async (request, response) => {
    await buffer(request);
    pending.push(response);
    arrived();
  });
  const next = async () => {
    while (pending.length === 0) await new Promise<void>((resolve) => (arrived = resolve));
    return pending.shift()!;
  };
  const engine = createOpenaiApi({ url }, { clock, environment: {} });
  const task = await temporaryTask(t);
  const first = engine.transcribe(task, quiet());
  const response = await next();
  clock.leap(10_000);
  json(response, 200, { ...VERBOSE, duration: 60 });
  await first;
  const seen: EngineProgress[] = [];
  const second = engine.transcribe(task, { ...quiet(), onProgress: (progress) => seen.push(progress) });
  const held = await next();
  for (let steps = 0; steps < 10; steps++) await clock.step();
  json(held, 200, VERBOSE);
  await second;
  assert.deepEqual(
    seen.map(({ percentage }) => percentage),
    [10, 20, 30, 40, 50, 60, 70, 80, 90, 95],
  );
});

test('what a server refuses, and a server that is not there, are errors that say what to do', async (t) => {
  const task = await temporaryTask(t);
  const cases: [number, unknown, string, boolean][] = [
    [400, { error: { message: 'Invalid file format' } }, 'audio_unreadable', false],
    [401, { error: { message: 'Incorrect API key' } }, 'engine_choice_invalid', true],
    [404, { detail: 'Model small is not installed' }, 'engine_choice_invalid', true],
    [413, '<html>413 Request Entity Too Large</html>', 'audio_too_large', false],
    [500, { error: 'out of memory' }, 'engine_unreachable', true],
    [200, '<html>Sign in</html>', 'engine_crashed', true],
    [200, [], 'engine_crashed', true],
  ];
  for (const [status, body, code, retryable] of cases) {
    const url = await serve(t, async (request, response) => {
      await buffer(request);
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    await assert.rejects(
      createOpenaiApi({ url }, { environment: {} }).transcribe(task, quiet()),
      { code, retryable },
      `${status}`,
    );
  }
  const nowhere = createOpenaiApi({ url: 'http://127.0.0.1:9/v1' }, { environment: {} });
  await assert.rejects(nowhere.transcribe(task, quiet()), { code: 'engine_unreachable' });
  await assert.rejects(nowhere.prepare(), { code: 'engine_unreachable', hint: /is a server running/ });
});

test('a job that is stopped closes its request', async (t) => {
  let closed = ignore;
  const gone = new Promise<void>((resolve) => (closed = resolve));
  const stop = new AbortController();
  const url = await serve(t, async (request, response) => {
    response.on('close', closed);
    await buffer(request);
    stop.abort(new Error('cancelled'));
  });
  const engine = createOpenaiApi({ url }, { environment: {} });
  const running = engine.transcribe(await temporaryTask(t), { ...quiet(), signal: stop.signal });
  await assert.rejects(running, { message: 'cancelled' });
  await gone;
});

test('a server without a list of models is accepted, a wrong key is not', async (t) => {
  const url = await serve(t, (request, response) =>
    json(response, request.headers.authorization === 'Bearer right' ? 404 : 401, {}),
  );
  const prepared = await createOpenaiApi({ url, model: 'm' }, { environment: { OPENAI_API_KEY: 'right' } }).prepare();
  assert.deepEqual(prepared, { model: 'm', device: 'remote', gpu_optimized: false, batch_size: 1 });
  await assert.rejects(createOpenaiApi({ url, key_env: 'MY_KEY' }, { environment: { MY_KEY: 'wrong' } }).prepare(), {
    code: 'engine_choice_invalid',
    hint: /MY_KEY/,
  });
});

test('it is chosen by its URL', () => {
  assert.equal(parseEngine('openai:http://127.0.0.1:8000/v1?model=small&language=de').name, 'openai');
  assert.equal(parseEngine('openai:').name, 'openai');
  for (const text of ['openai:127.0.0.1:8000', 'openai:http://me:secret@host/v1', 'openai:?device=cuda']) {
    assert.throws(() => parseEngine(text), { code: 'engine_choice_invalid' }, text);
  }
});

test('languages are codes, whether the server names or codes them', () => {
  for (const [text, code] of [
    ['english', 'en'],
    ['German', 'de'],
    ['haitian creole', 'ht'],
    ['mandarin', 'zh'],
    ['de', 'de'],
    ['yue', 'yue'],
    ['klingon', null],
  ] as const) {
    assert.equal(languageCode(text), code, text);
  }
});
