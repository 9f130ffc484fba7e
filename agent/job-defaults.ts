/** Options for jobs that do not set them, as they are given to a worker: `language=de&word_timestamps=true`. */
import { Errors } from 'typebox/value';
import { JobOptions } from '../protocol/job-options.ts';
import { type Engine, EngineError } from './engines/engine.ts';
import { assertKnown } from './job-options.ts';

/** Written like the query of a URL; numbers and booleans are taken for such. Throws EngineError `engine_choice_invalid`. */
export function readDefaults(text: string, engine: Pick<Engine, 'name' | 'options'>): JobOptions {
  const options = Object.fromEntries([...new URLSearchParams(text)].map(([name, value]) => [name, typed(value)]));
  const unknown = Object.keys(options).find((name) => !(name in JobOptions.properties));
  const [wrong] = Errors(JobOptions, options);
  if (unknown !== undefined) throw invalid(`${unknown} is not an option of jobs`);
  if (wrong !== undefined) throw invalid(`${wrong.instancePath.slice(1)} ${wrong.message}`);
  try {
    for (const name of Object.keys(options)) assertKnown(name, engine);
  } catch (error) {
    throw invalid((error as Error).message);
  }
  return options as JobOptions;
}

const typed = (text: string): unknown => (/^(true|false|-?\d+(\.\d+)?)$/.test(text) ? JSON.parse(text) : text);

function invalid(message: string): EngineError {
  return new EngineError('engine_choice_invalid', `--defaults: ${message}`, {
    hint: 'give options of jobs that the engine knows, as in language=de&word_timestamps=true',
  });
}
