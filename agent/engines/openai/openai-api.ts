/**
 * A server with OpenAI's transcription API as an engine: speaches, LocalAI, vLLM, whisper.cpp's server, Groq, OpenAI, or
 * another monitor.
 *
 *     openai:http://127.0.0.1:8000/v1?model=Systran/faster-whisper-small&language=en
 *     openai:                                        api.openai.com, with OPENAI_API_KEY
 *
 * A request has no progress, so that of a job is estimated from those before it. A server that is busy says when to come
 * back, and is asked again then.
 */
import type { IncomingMessage } from 'node:http';
import type { OptionName } from '../../../protocol/option-names.ts';
import type { Transcript } from '../../../protocol/transcript.ts';
import { type Clock, systemClock } from '../../clock.ts';
import { LearnedPace } from '../../learned-pace.ts';
import { type Engine, EngineError, type TranscribeOptions, type TranscribeTask } from '../engine.ts';
import { readTranscriptJson } from '../read-transcript.ts';
import { chunksAt, steadyProgress } from '../run-engine-program.ts';
import { languageCode } from './language-codes.ts';
import { getText, postForm, type TextResponse } from './post-form.ts';

export type OpenaiApiOptions = {
  /** The base URL, with `/v1`. Default: OpenAI. */
  url?: string;
  /** Default: `whisper-1`. */
  model?: string;
  /** ISO 639-1. Default: the server detects it. */
  language?: string;
  /** Name of the environment variable with the key. Default: `OPENAI_API_KEY`. */
  key_env?: string;
};

const OPENAI = 'https://api.openai.com/v1';
const MODEL = 'whisper-1';
const KEY_ENV = 'OPENAI_API_KEY';
const PROBE_MS = 10_000;
/** Between two tries when the server does not say how long to wait. */
const RETRY_MS = 2_000;
const RETRY_MS_MAX = 60_000;
const RETRIES_MAX = 20;
const PROGRESS_MS = 1_000;
/** An estimate never says that the work is done. */
const ESTIMATE_MAX = 95;
/** Tells speakers apart, and takes no prompt. */
const DIARIZES = /-diarize$/;
/** Transcripts of these have no times. */
const TEXT_ONLY = /^gpt-4o/;

export function createOpenaiApi(
  { url = OPENAI, model = MODEL, language, key_env = KEY_ENV }: OpenaiApiOptions = {},
  { clock = systemClock, environment = process.env }: { clock?: Clock; environment?: NodeJS.ProcessEnv } = {},
): Engine {
  const base = baseOf(url);
  const key = environment[key_env];
  const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
  const pace = new LearnedPace();
  const failure = (response: TextResponse) => failureOf(response, base, key_env);

  return {
    name: 'openai',
    options: optionsOf(model),

    async prepare({ signal } = {}) {
      const timeout = AbortSignal.timeout(PROBE_MS);
      const probe = getText(at(base, 'models'), headers, signal ? AbortSignal.any([signal, timeout]) : timeout);
      const response = await probe.catch((error: unknown) => {
        throw unreachable(base, error);
      });
      // Not every server lists its models.
      if (response.status !== 404 && response.status !== 405 && response.status >= 400) throw failure(response);
      return { model, device: 'remote', gpu_optimized: false, batch_size: 1 };
    },

    async transcribe(task, { signal, onProgress, onAudio }) {
      const { task: kind = 'transcribe', prompt, temperature, language: spoken = language } = task.options ?? {};
      const translates = kind === 'translate';
      const given = Object.entries({
        model,
        ...formatOf(model),
        language: translates ? undefined : spoken,
        prompt,
        temperature: temperature?.toString(),
      }).filter((field): field is [string, string] => field[1] !== undefined);
      const words = task.options?.word_timestamps === true ? GRANULARITIES : [];
      const fields = [...given, ...words.map((value) => ['timestamp_granularities[]', value] as const)];
      const url = at(base, translates ? 'audio/translations' : 'audio/transcriptions');
      const began_ms = clock.monotonic();
      const stop = estimate(clock, pace, task, onProgress);
      try {
        const request = { url, headers, fields, file: task.audio_path, signal };
        const response = await untilServed(() => postForm(request), { clock, signal, base });
        if (response.status >= 400) throw failure(response);
        const transcript = readResponse(response, task, model);
        onAudio?.({ duration_seconds: transcript.duration_seconds });
        const work_ms = clock.monotonic() - began_ms;
        pace.learn({ startup_ms: 0, work_ms, audio_seconds: transcript.duration_seconds });
        return transcript;
      } finally {
        stop();
      }
    },
  };
}

/** Of jobs. */
function optionsOf(model: string): OptionName[] {
  if (DIARIZES.test(model)) return ['language', 'temperature', 'diarize'];
  const options: OptionName[] = ['language', 'task', 'prompt', 'temperature'];
  return TEXT_ONLY.test(model) ? options : [...options, 'word_timestamps'];
}

/** A diarizing model refuses more than 30 s without a `chunking_strategy`. */
function formatOf(model: string): Record<string, string> {
  if (DIARIZES.test(model)) return { response_format: 'diarized_json', chunking_strategy: 'auto' };
  return { response_format: TEXT_ONLY.test(model) ? 'json' : 'verbose_json' };
}

const GRANULARITIES = ['segment', 'word'];

function baseOf(url: string): URL {
  const base = URL.parse(url);
  if (base !== null && /^https?:$/.test(base.protocol) && base.username === '') return base;
  throw new EngineError(
    'engine_choice_invalid',
    `--engine: ${JSON.stringify(url)} is not the URL of an OpenAI server`,
    {
      hint: 'for example openai:http://127.0.0.1:8000/v1?model=large-v3; the key is taken from OPENAI_API_KEY',
    },
  );
}

const at = (base: URL, path: string): URL => new URL(`${base.href.replace(/\/$/, '')}/${path}`);

/** Sends the request again while the server is busy, as long as it says. */
async function untilServed(
  send: () => Promise<TextResponse>,
  { clock, signal, base }: { clock: Clock; signal: AbortSignal; base: URL },
): Promise<TextResponse> {
  for (let tries = 1; ; tries++) {
    const response = await send().catch((error: unknown) => {
      throw signal.aborted ? signal.reason : unreachable(base, error);
    });
    if (!isBusy(response) || tries > RETRIES_MAX) return response;
    await pause(clock, waitOf(response.headers, tries), signal);
  }
}

/** Rejects with the signal's reason. */
function pause(clock: Clock, wait_ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const end = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(wait_ms, () => {
      signal.removeEventListener('abort', end);
      resolve();
    });
    signal.addEventListener('abort', end, { once: true });
  });
}

/** An account without credit is not busy. */
const isBusy = ({ status, text }: TextResponse): boolean =>
  status === 503 || (status === 429 && !text.includes('insufficient_quota'));

function waitOf({ 'retry-after': after, 'retry-after-ms': after_ms }: IncomingMessage['headers'], tries: number) {
  const said_ms = after_ms === undefined ? Number(after) * 1_000 : Number(after_ms);
  const until_ms = Number.isFinite(said_ms) ? said_ms : Date.parse(after ?? '') - Date.now();
  const wait_ms = Number.isFinite(until_ms) && until_ms > 0 ? until_ms : RETRY_MS * 2 ** Math.min(tries - 1, 5);
  return Math.min(wait_ms, RETRY_MS_MAX);
}

/** Reports the progress that the jobs before let expect. Returns a function that ends it. */
function estimate(clock: Clock, pace: LearnedPace, task: TranscribeTask, onProgress: TranscribeOptions['onProgress']) {
  const expected_ms = task.duration_seconds === null ? null : pace.work_ms(task.duration_seconds);
  if (expected_ms === null) return () => {};
  const began_ms = clock.monotonic();
  const report = steadyProgress(onProgress);
  let cancel = () => {};
  const next = () => {
    const percentage = Math.floor((100 * (clock.monotonic() - began_ms)) / expected_ms);
    report(chunksAt(Math.min(ESTIMATE_MAX, percentage), task));
    if (percentage < ESTIMATE_MAX) cancel = clock.after(PROGRESS_MS, next);
  };
  cancel = clock.after(PROGRESS_MS, next);
  return () => cancel();
}

function readResponse({ text }: TextResponse, task: TranscribeTask, model: string): Transcript {
  const facts = { engine: `openai ${model}`, model, duration_seconds: task.duration_seconds };
  const transcript = readTranscriptJson(text, facts);
  if (transcript === null) {
    throw new EngineError(
      'engine_crashed',
      `the server responded with something else than a transcript: ${first(text)}`,
    );
  }
  return { ...transcript, language: transcript.language === null ? null : languageCode(transcript.language) };
}

function failureOf({ status, text }: TextResponse, base: URL, key_env: string): EngineError {
  const what = `${base.host} responded with ${status}: ${messageOf(text)}`;
  switch (status) {
    case 400:
    case 415:
    case 422:
      return new EngineError('audio_unreadable', what);
    case 401:
    case 403:
      return new EngineError('engine_choice_invalid', what, { hint: `put a key that counts there into ${key_env}` });
    case 404:
      return new EngineError('engine_choice_invalid', what, { hint: 'check the URL (it ends with /v1) and the model' });
    case 413:
      return new EngineError('audio_too_large', what, { hint: 'the server, or a proxy before it, limits the size' });
    default:
      return new EngineError('engine_unreachable', what);
  }
}

const unreachable = (base: URL, cause: unknown) =>
  new EngineError('engine_unreachable', `${base.host} does not respond: ${(cause as Error).message}`, {
    hint: `is a server running at ${base.href}?`,
    cause,
  });

function messageOf(text: string): string {
  try {
    const { error, detail, message } = JSON.parse(text) as Record<string, unknown>;
    const said = (error as { message?: unknown } | undefined)?.message ?? detail ?? message ?? error;
    return first(typeof said === 'string' ? said : JSON.stringify(said ?? text));
  } catch {
    return first(text);
  }
}

const first = (text: string): string => text.trim().split('\n', 1)[0]!.slice(0, 300);
