/** The options with which a job is transcribed here: its own, then the defaults of the worker. */
import type { JobOptions } from '../protocol/job-options.ts';
import { type Engine, EngineError } from './engines/engine.ts';

export type OptionsOfJob = {
  /** As submitted; undefined if there are none. */
  given: JobOptions | undefined;
  defaults: JobOptions;
  engine: Pick<Engine, 'name' | 'options'>;
  /** The one that is loaded. */
  model: string | undefined;
};

/** Throws EngineError `option_not_supported`, which names the option. */
export function optionsOf({ given = {}, defaults, engine, model }: OptionsOfJob): JobOptions {
  const { model: wanted, ...options } = { ...defaults, ...given };
  if (wanted !== undefined && wanted !== model) {
    throw notSupported(`this worker has the model ${model ?? 'of its engine'}, not ${wanted}`);
  }
  const wanted_here = Object.entries(options).filter(
    ([name, value]) => isKnown(name, engine) || !isDefault(name, value),
  );
  for (const [name] of wanted_here) assertKnown(name, engine);
  return Object.fromEntries(wanted_here);
}

/** Not to do what an engine can not do anyway needs no support. */
const DEFAULTS: Readonly<Partial<Record<string, unknown>>> = {
  ...{ task: 'transcribe', channels: 'mix', word_timestamps: false, vad: false, diarize: false },
};
const isDefault = (name: string, value: unknown): boolean => name in DEFAULTS && DEFAULTS[name] === value;

const isKnown = (name: string, { options = [] }: Pick<Engine, 'options'>): boolean =>
  (options as readonly string[]).includes(name);

/** Throws EngineError `option_not_supported`. */
export function assertKnown(name: string, { name: engine, options = [] }: Pick<Engine, 'name' | 'options'>): void {
  if (isKnown(name, { options })) return;
  const known = options.length === 0 ? 'it has none' : `it knows ${options.join(', ')}`;
  throw notSupported(`the engine ${engine} does not support the option ${name}: ${known}`);
}

const notSupported = (message: string): EngineError =>
  new EngineError('option_not_supported', message, { hint: 'submit the job without it, or to workers that have it' });
