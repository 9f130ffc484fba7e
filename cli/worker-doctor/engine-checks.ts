/** Whether the engine starts, loads its model, and transcribes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SAMPLE_RATE, WavWriter } from '../../agent/audio/wav-writer.ts';
import { findEngine, parseEngine } from '../../agent/engines/choose-engine.ts';
import { type Engine, type EngineCapabilities, EngineError } from '../../agent/engines/engine.ts';
import { readDefaults } from '../../agent/job-defaults.ts';
import { type Finding, finding } from './finding.ts';

/** A model may be downloaded, or loaded from a slow disk. */
const LOAD_MS = 900_000;
const TRIAL_MS = 300_000;
const TRIAL_SECONDS = 2;

export type EngineChecks = {
  findings: Finding[];
  /** Null: it could not be prepared. */
  found: { name: string; capabilities: EngineCapabilities } | null;
};

export async function checkEngine({
  choice,
  parallel,
  defaults,
}: {
  choice: string;
  parallel: number;
  /** The value of `--defaults`. */
  defaults: string;
}): Promise<EngineChecks> {
  const began_ms = performance.now();
  let engine: Engine | undefined;
  try {
    let capabilities: EngineCapabilities;
    if (choice === 'auto') ({ engine, capabilities } = await findEngine(undefined, parallel));
    else {
      engine = parseEngine(choice, parallel);
      capabilities = await engine.prepare({ signal: AbortSignal.timeout(LOAD_MS) });
    }
    const loaded = seconds(performance.now() - began_ms);
    const findings = [
      finding('engine', 'ok', [engine.name, versionsOf(engine)].filter(Boolean).join(', ')),
      modelFinding(engine.name, capabilities, loaded),
      ...checkDefaults(defaults, engine),
    ];
    if (isLocal(engine)) findings.push(await tryEngine(engine, capabilities));
    return { findings, found: { name: engine.name, capabilities } };
  } catch (error) {
    const name = engine?.name ?? (choice === 'auto' ? 'auto' : choice.split('?', 1)[0]!);
    return { findings: failedToPrepare(name, error), found: null };
  } finally {
    await engine?.close?.();
  }
}

/** Programs of others are not run for a test: they may cost money, or keep what they get. */
const isLocal = ({ name }: Engine): boolean => name !== 'openai' && name !== 'exec';

function modelFinding(name: string, { model, device, batch_size }: EngineCapabilities, loaded: string): Finding {
  if (name === 'exec') return finding('model', 'ok', 'the program’s own');
  if (name === 'openai') return finding('model', 'ok', `${model}, asked of the server with each job`);
  const batches = batch_size > 1 ? `, ${batch_size} windows at once` : '';
  return finding('model', 'ok', `${model} on ${device}${batches}, loaded in ${loaded}`);
}

function failedToPrepare(name: string, error: unknown): Finding[] {
  const { message, hint } = error as Partial<EngineError>;
  const text =
    error instanceof Error && error.name === 'TimeoutError' ? `not ready after ${LOAD_MS / 60_000} min` : message;
  const says = (text ?? String(error)).trim().split('\n').slice(0, 3).join(' ');
  const help = hint ?? '`tmon worker --help` shows engines and their options.';
  // An engine whose model is the problem has started.
  if (error instanceof EngineError && /\bmodel\b/.test(says) && !says.includes('no option')) {
    return [finding('engine', 'ok', name), finding('model', 'problem', says, help)];
  }
  return [finding('engine', 'problem', says, help), finding('model', 'not checked', 'the engine does not start')];
}

function checkDefaults(defaults: string, engine: Engine): Finding[] {
  if (defaults === '') return [];
  try {
    readDefaults(defaults, engine);
    return [finding('defaults', 'ok', defaults)];
  } catch (error) {
    const { message, hint } = error as EngineError;
    return [finding('defaults', 'problem', message, hint)];
  }
}

/** A library of a GPU that is missing is noticed by the first job, and not before: this is it. */
async function tryEngine(engine: Engine, { batch_size }: EngineCapabilities): Promise<Finding> {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-doctor-'));
  try {
    const audio_path = join(directory, 'tone.wav');
    await pipeline(Readable.from([tone()]), new WavWriter(audio_path));
    const began_ms = performance.now();
    const task = { audio_path, duration_seconds: TRIAL_SECONDS, work_directory: directory, batch_size };
    await engine.transcribe(task, { signal: AbortSignal.timeout(TRIAL_MS), onProgress: () => {} });
    return finding('transcription', 'ok', `${TRIAL_SECONDS} s of audio in ${seconds(performance.now() - began_ms)}`);
  } catch (error) {
    const { message, hint } = error as EngineError;
    const says = message.trim().split('\n').slice(-2).join(' ');
    return finding(
      'transcription',
      'problem',
      says,
      hint ?? 'the engine loads its model, and fails at its first recording',
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** 440 Hz, 16-bit. */
function tone(): Buffer {
  const samples = Int16Array.from({ length: TRIAL_SECONDS * SAMPLE_RATE }, (_, at) =>
    Math.round(4000 * Math.sin((2 * Math.PI * 440 * at) / SAMPLE_RATE)),
  );
  return Buffer.from(samples.buffer);
}

/** `faster-whisper 1.2.1, ctranslate2 4.6.0, python 3.12.3`. */
function versionsOf(engine: Engine): string {
  const known = Object.entries(engine.versions?.() ?? {}).filter(([, version]) => version !== null);
  return known.map(([name, version]) => `${name} ${version}`).join(', ');
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
